//! x

mod inbound;
mod kills;
mod leaving;
mod outbound;
mod stage;
