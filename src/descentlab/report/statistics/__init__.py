"""Statistics over seeds, over the trials of a search and over problems: a method a file, numbers in and numbers out."""
