//! The service that apikit's own tests are held against, as a program.

mod app;

use std::process::ExitCode;

fn main() -> ExitCode {
    app::app().run()
}
