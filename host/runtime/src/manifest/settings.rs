//! The settings form: which JSON Schema may describe it, what values fit, and which of them are secrets.
