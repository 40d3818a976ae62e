//! Runs one channel component in a sandbox.

pub mod manifest;
