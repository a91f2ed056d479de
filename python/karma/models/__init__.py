"""Model classes. Each wraps a class of the C library and can be derived from."""
