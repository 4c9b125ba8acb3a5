"""One compiled message per mailing, with holes for what differs from person to person."""
