//! The sandbox with real guests in the real runtime: what loads, what a call may see, and every limit tripped.

mod calls;
mod limits;
mod load;
mod network;
mod support;
