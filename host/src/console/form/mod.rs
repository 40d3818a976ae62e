//! Forms from a plugin's settings schema: what stands in them ([`model`]), how they look ([`draw`]), what a browser sent ([`read`]).

mod draw;
mod model;
mod read;

pub(super) use draw::{Given, draw, draw_branch};
pub(super) use model::{Branch, Choice, Form};
pub(super) use read::{Keep, read};
