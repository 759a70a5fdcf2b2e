//! The bootstrap tool: renders the template, shows what comes out, keeps the template in step.
//!
//! [`answers`], some by [`asking`] → [`render`], or [`refresh`] where it was rendered before → [`demo`], [`new`] and [`twins`]. [`running`] starts a rendered
//! service and its example back-end and asks them over [`http`].
//!
//! [`record`] says what a project was rendered from, and [`source`] finds the templates for it, by
//! [`version`] in their [`history`]. So [`check`] holds a project against its template, and
//! [`update`] makes a [`merge`] into the [`project`] and shows the [`changelog`];
//! [`deletions`] of the author's are no part of it, nor is what they made of the [`samples`]. A version without a tag
//! is the [`closest`] commit that holds it.
//!
//! `serve`, a feature, is the template as a web page.
//!
//! [`verify`] holds any running service against the contract, and needs no template for it.

pub mod answers;
pub mod asking;
pub mod changelog;
pub mod check;
pub mod closest;
pub mod deletions;
pub mod demo;
pub mod gone;
pub mod history;
pub mod house;
pub mod http;
pub mod interruption;
pub mod merge;
pub mod new;
pub mod printing;
pub mod project;
pub mod record;
pub mod refresh;
pub mod render;
pub mod report;
pub mod running;
pub mod samples;
#[cfg(feature = "serve")]
pub mod serve;
pub mod source;
pub mod twins;
pub mod update;
pub mod verify;
pub mod version;
pub mod workflows;
