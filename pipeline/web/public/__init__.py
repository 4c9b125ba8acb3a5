"""What anybody may read: pages, feeds and files of released texts."""
