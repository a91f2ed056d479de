"""The version of this package; equal to KARMA_VERSION of the library it is made for."""

__version__ = "0.1.0"
