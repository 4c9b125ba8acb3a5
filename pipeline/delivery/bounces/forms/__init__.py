"""The forms in which a mail comes back, one module each: ``read(letter)`` gives a verdict, or None where it is not of this form."""
