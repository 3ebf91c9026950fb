"""Open media from the web, with author, licence and source kept beside each file."""
