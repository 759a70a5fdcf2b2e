//! `cargo run` shows the template at work; `cargo run -- new NAME` renders a service.

use std::process::ExitCode;

use bootstrap::{
    demo::{self, DemoArgs},
    new::{self, NewArgs},
    render::Template,
    twins,
};
use clap::{Parser, Subcommand};

/// Renders a service from the template and shows it at work, or renders one to keep.
#[derive(Parser)]
#[command(name = "bootstrap", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    demo: DemoArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Render a service, asking for what is not given
    New(NewArgs),
    /// Write the plain twins of the template's Liquid files, and the names that are taken
    Twins,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let template = Template::here();
    let done = match cli.command {
        None => demo::run(&template, &cli.demo),
        Some(Command::New(args)) => new::run(&template, &args),
        Some(Command::Twins) => twins::write(&template),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes: `a: b: c`.
fn one_line(error: &anyhow::Error) -> String {
    let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
