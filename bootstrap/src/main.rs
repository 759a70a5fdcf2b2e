//! `cargo run` shows the template at work; `cargo run -- new NAME` renders a service.

#[cfg(feature = "serve")]
use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(feature = "serve")]
use bootstrap::serve;
use bootstrap::{
    check::{self, CheckArgs, Standing},
    demo::{self, DemoArgs},
    new::{self, NewArgs},
    render::Template,
    twins,
    update::{self, Outcome, UpdateArgs},
    verify::{self, Verdict, VerifyArgs},
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
    /// Take a rendered service to another version of the template, or to other answers
    Update(UpdateArgs),
    /// Say whether a rendered service is behind the template, or differs in `apikit/`
    Check(CheckArgs),
    /// Say whether a running service, in whatever language, keeps the contract of all services
    Verify(VerifyArgs),
    /// Serve the template as a web page and an API
    #[cfg(feature = "serve")]
    #[command(disable_help_flag = true)]
    Serve {
        /// As a service's own: see `serve --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write the plain twins of the template's Liquid files, and the names that are taken
    Twins,
}

/// What `check` finds to do, conflicts that `update` leaves, or departures that `verify` sees. Their bad input is 2, as clap's is.
const TO_DO: u8 = 1;
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let template = Template::here();
    let (done, failure) = match cli.command {
        None => (demo::run(&template, &cli.demo).map(|()| 0), 1),
        Some(Command::New(args)) => match args.ensure_named() {
            Ok(()) => (new::run(&template, &args).map(|()| 0), 1),
            Err(unnamed) => (Err(unnamed), BAD_INPUT),
        },
        Some(Command::Twins) => (twins::write(&template).map(|()| 0), 1),
        Some(Command::Update(args)) => (update::run(&template, &args).map(updated), BAD_INPUT),
        Some(Command::Check(args)) => (check::run(&template, &args).map(checked), BAD_INPUT),
        #[cfg(feature = "serve")]
        Some(Command::Serve { arguments }) => return serve::run(arguments),
        Some(Command::Verify(args)) => (verify::run(&args).map(verified), BAD_INPUT),
    };
    match done {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            failure.into()
        }
    }
}

fn updated(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Merged => 0,
        Outcome::Conflicts => TO_DO,
    }
}

fn checked(standing: Standing) -> u8 {
    match standing {
        Standing::InStep => 0,
        Standing::Apart => TO_DO,
    }
}

fn verified(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Conforms => 0,
        Verdict::Departs => TO_DO,
    }
}

/// The error and its causes: `a: b: c`.
fn one_line(error: &anyhow::Error) -> String {
    let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
