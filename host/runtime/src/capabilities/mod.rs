//! What a plugin may ask of its host while it is called, a file for each interface.
