//! Reads the command line and the environment: the settings that every service has, and the service's own.

use std::{collections::HashSet, env, ffi::OsStr, ffi::OsString};

use clap::{
    ArgMatches, Args, Command, FromArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{identity::Identity, settings::Settings};

/// The exit code for a wrong flag or variable, as clap has it too.
pub(crate) const MISCONFIGURED: u8 = 2;

/// What the command line asks for.
pub(crate) enum Invocation<C> {
    /// Serve, or check whether it could.
    Serve(Settings, C),
    /// Run a subcommand, for which the service's own settings need not be complete.
    Other(Settings),
}

/// Which variables of the environment are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Those of the process. An empty one counts as unset, since manifests often have them.
    OfProcess,
    /// None: for tests.
    None,
}

/// Why the program does not go on.
pub(crate) enum Refusal {
    /// Something is wrong: one sentence.
    Sentence(String),
    /// `--help`, `--version` or an unknown flag: clap's own text.
    Clap(clap::Error),
}

/// Reads `arguments`, of which the first is the program.
pub(crate) fn read<C: Args>(
    identity: &Identity,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    environment: Environment,
) -> Result<Invocation<C>, Refusal> {
    let command = command::<C>(identity);
    if let Some(sentence) = ambiguity(&command) {
        return Err(Refusal::Sentence(sentence));
    }
    let mut command = within(environment, command);
    let matches = command.try_get_matches_from_mut(arguments);
    let read = matches.and_then(|matches| invocation(&matches));
    read.map_err(|error| match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let text = error.to_string();
            let sentence = text.lines().next().unwrap_or_default();
            Refusal::Sentence(sentence.trim_start_matches("error: ").to_owned())
        }
        ErrorKind::MissingRequiredArgument => Refusal::Sentence(missing(&command, &error)),
        _ => Refusal::Clap(error),
    })
}

fn command<C: Args>(identity: &Identity) -> Command {
    let about = identity.metadata;
    let command = Settings::augment_args(Command::new(about.name));
    let command = C::augment_args(command.next_help_heading("This service"));
    command
        .about(about.description)
        .long_about(None)
        .version(about.version)
        .subcommand_negates_reqs(true)
        .mut_arg("listen", |listen| listen.default_value(identity.listen))
}

/// The command without the variables that do not count.
fn within(environment: Environment, command: Command) -> Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|argument| match argument.get_env() {
        Some(name) if environment == Environment::None || is_empty(name) => {
            argument.env(Resettable::Reset)
        }
        _ => argument,
    })
}

/// Says which flag or variable two settings have in common, if there is one: clap would panic over it, or mix them up.
fn ambiguity(command: &Command) -> Option<String> {
    let mut known = HashSet::from(["--help".to_owned(), "--version".to_owned()]);
    let names = command.get_arguments().flat_map(|argument| {
        let flag = argument.get_long().map(|flag| format!("--{flag}"));
        let variable = argument
            .get_env()
            .map(|name| name.to_string_lossy().into_owned());
        flag.into_iter().chain(variable)
    });
    let mut names = names.filter(|name| !known.insert(name.clone()));
    let name = names.next()?;
    Some(format!(
        "Two settings are named {name}: each needs a name of its own, and so does each back-end."
    ))
}

fn invocation<C: Args>(matches: &ArgMatches) -> Result<Invocation<C>, clap::Error> {
    let settings = Settings::from_arg_matches(matches)?;
    if settings.command.is_some() {
        return Ok(Invocation::Other(settings));
    }
    Ok(Invocation::Serve(settings, C::from_arg_matches(matches)?))
}

/// Names the settings that are missing, each by its flag and its variable.
fn missing(command: &Command, error: &clap::Error) -> String {
    let Some(ContextValue::Strings(usages)) = error.get(ContextKind::InvalidArg) else {
        return "A setting is missing: see --help.".to_owned();
    };
    let named = |usage: &String| {
        let argument = command
            .get_arguments()
            .find(|argument| argument.to_string() == *usage);
        let flag = usage.split_whitespace().next().unwrap_or_default();
        match argument.and_then(|argument| argument.get_env()) {
            Some(variable) => format!("{flag} or {}", variable.to_string_lossy()),
            None => flag.to_owned(),
        }
    };
    let settings: Vec<_> = usages.iter().map(named).collect();
    format!("{} must be set: see --help.", settings.join(", and "))
}
