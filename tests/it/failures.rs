//! x

mod inbound;
mod kills;
mod leaving;
mod meta;
mod outbound;
mod stage;
mod webchat;
mod whatsapp;
mod windows;
mod x;
