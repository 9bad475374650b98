"""Records calls and proves that the file is there."""
