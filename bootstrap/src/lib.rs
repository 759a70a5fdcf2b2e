//! The bootstrap tool: renders the template, shows what comes out, keeps the template in step.
//!
//! [`answers`] → [`render`] → [`demo`], [`new`] and [`twins`]. [`running`] starts a rendered
//! service and its example back-end and asks them over [`http`].

pub mod answers;
pub mod demo;
pub mod house;
pub mod http;
pub mod new;
pub mod render;
pub mod running;
pub mod twins;
