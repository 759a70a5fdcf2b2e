//! The settings of a named back-end, beside the default one.

use std::{fmt, marker::PhantomData, path::PathBuf, time::Duration};

use clap::{
    Arg, ArgGroup, ArgMatches, Args, Command, FromArgMatches, Id, builder::ValueParser,
    error::ErrorKind, value_parser,
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Credentials,
    account::{Account, bearer, secret_in},
    settings::base,
};
use crate::value_parsers::time;

/// The name of a back-end beside the default one: see [`NamedBackend`].
pub trait BackendName {
    /// The name, in lower-case letters, digits and single hyphens, such as `report-keeper`. Its settings begin with it, and
    /// errors, metrics and traces have it.
    const NAME: &'static str;

    /// The default of its URL setting, as in `Some("https://api.example.org")`.
    const DEFAULT_URL: Option<&'static str> = None;
}

/// The settings of a back-end beside the default one.
///
/// ```
/// use apikit::{Backend, Setup, StartError, backend::{BackendName, NamedBackend}};
/// use clap::Args;
///
/// #[derive(Args, Clone, Debug)]
/// pub struct Config {
///     #[command(flatten)]
///     pub keeper: NamedBackend<Keeper>,
/// }
///
/// /// Where reports are kept.
/// pub struct Keeper;
///
/// impl BackendName for Keeper {
///     const NAME: &'static str = "keeper";
/// }
///
/// #[derive(Clone)]
/// pub struct AppState { backend: Backend, keeper: Backend }
///
/// pub async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
///     let keeper = setup.backend(&config.keeper)?;
///     Ok(AppState { backend: setup.default_backend(), keeper })
/// }
/// ```
///
/// That gives the service these settings, each a flag and a variable:
///
/// | flag | variable | |
/// |---|---|---|
/// | `--keeper-url` | `KEEPER_URL` | where it is; required, unless there is a [default](BackendName::DEFAULT_URL) |
/// | `--keeper-timeout` | `KEEPER_TIMEOUT` | how long it may take to answer one try; `10s` |
/// | `--keeper-token`, `--keeper-token-file` | `KEEPER_TOKEN`, `KEEPER_TOKEN_FILE` | a token, sent as `Authorization: Bearer` |
/// | `--keeper-username` | `KEEPER_USERNAME` | a user name, sent with its password as HTTP Basic |
/// | `--keeper-password`, `--keeper-password-file` | `KEEPER_PASSWORD`, `KEEPER_PASSWORD_FILE` | the password |
///
/// The account is the service's own. Without any, the back-end is asked without credentials. A secret is better kept in a
/// file, as command lines can be read by others.
///
/// A back-end that a service can do without is an `Option<NamedBackend<Keeper>>`: `None` where none of its
/// settings is set.
///
/// ```
/// # use apikit::{Backend, Setup, StartError, backend::{BackendName, NamedBackend}};
/// # struct Keeper;
/// # impl BackendName for Keeper { const NAME: &'static str = "keeper"; }
/// # struct Config { keeper: Option<NamedBackend<Keeper>> }
/// # fn start(config: &Config, setup: &mut Setup) -> Result<Option<Backend>, StartError> {
/// let keeper = config.keeper.as_ref().map(|keeper| setup.backend(keeper)).transpose()?;
/// # Ok(keeper)
/// # }
/// ```
pub struct NamedBackend<N> {
    /// The base URL.
    pub url: Url,
    /// How long the back-end may take to answer one try.
    pub timeout: Duration,
    /// The service's user name there.
    pub username: Option<String>,
    /// The password to that name.
    pub password: Option<SecretString>,
    /// A file with that password.
    pub password_file: Option<PathBuf>,
    /// The service's token there.
    pub token: Option<SecretString>,
    /// A file with that token.
    pub token_file: Option<PathBuf>,
    name: PhantomData<fn() -> N>,
}

impl<N: BackendName> NamedBackend<N> {
    const IS_NAMED: () = assert!(
        is_name(N::NAME),
        "a back-end's NAME is lower-case letters, digits and single hyphens, begins with a letter, and is not `default`"
    );

    /// The service's own account there.
    ///
    /// # Errors
    /// One sentence, when the settings contradict each other, half an account is missing, or a file cannot be read.
    pub(super) fn account(&self) -> Result<Account, String> {
        let token = self.secret("token", self.token.as_ref(), self.token_file.as_ref())?;
        let (password, file) = (self.password.as_ref(), self.password_file.as_ref());
        let password = self.secret("password", password, file)?;
        let named = variable::<N>;
        match (token, self.username.clone(), password) {
            (None, None, None) => Ok(Account::None),
            (Some(token), None, None) => {
                let header = bearer(&token).ok_or_else(|| {
                    let token = named("token");
                    format!("{token} has a character that no header can hold.")
                })?;
                Ok(Account::Bearer(header))
            }
            (Some(_), _, _) => Err(format!(
                "{} and {} are both set: the service has one account there.",
                named("token"),
                named(if self.username.is_some() {
                    "username"
                } else {
                    "password"
                }),
            )),
            (None, Some(username), _) if username.is_empty() || username.contains(':') => {
                Err(format!(
                    "{} is {username:?}, but must be a name without a colon.",
                    named("username")
                ))
            }
            (None, Some(username), Some(password)) => {
                Ok(Account::Basic(Credentials { username, password }))
            }
            (None, Some(username), None) => Err(format!(
                "{} is {username:?}, but neither {} nor {} is set.",
                named("username"),
                named("password"),
                named("password-file"),
            )),
            (None, None, Some(_)) => Err(format!(
                "{} is set, but {} is not.",
                named("password"),
                named("username"),
            )),
        }
    }

    /// A secret that is set as it is or in a file.
    fn secret(
        &self,
        what: &str,
        value: Option<&SecretString>,
        file: Option<&PathBuf>,
    ) -> Result<Option<SecretString>, String> {
        let (set_by, secret) = match (value, file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let (value, file) = (variable::<N>(what), file_variable::<N>(what));
                return Err(format!("{value} and {file} are both set: only one can be."));
            }
            (Some(value), None) => (variable::<N>(what), value.clone()),
            (None, Some(file)) => {
                let set_by = file_variable::<N>(what);
                let secret = secret_in(file, &set_by)?;
                (set_by, secret)
            }
        };
        match secret.expose_secret().is_empty() {
            true => Err(format!("{set_by} is empty.")),
            false => Ok(Some(secret)),
        }
    }
}

impl<N> Clone for NamedBackend<N> {
    fn clone(&self) -> Self {
        Self {
            url: self.url.clone(),
            timeout: self.timeout,
            username: self.username.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            token: self.token.clone(),
            token_file: self.token_file.clone(),
            name: PhantomData,
        }
    }
}

impl<N: BackendName> fmt::Debug for NamedBackend<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedBackend")
            .field("name", &N::NAME)
            .field("url", &self.url.as_str())
            .field("timeout", &self.timeout)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("password_file", &self.password_file)
            .field("token", &self.token)
            .field("token_file", &self.token_file)
            .finish()
    }
}

// By hand, since clap's derive has no prefix for the names of flattened arguments.
impl<N: BackendName> Args for NamedBackend<N> {
    fn group_id() -> Option<Id> {
        Some(id::<N>("backend").into())
    }

    fn augment_args(command: Command) -> Command {
        let () = Self::IS_NAMED;
        let name = N::NAME;
        let arguments = [
            argument::<N>("url", "URL", base)
                .help(format!("The base URL of the back-end {name}"))
                .default_values(N::DEFAULT_URL),
            argument::<N>("timeout", "TIME", time)
                .help("How long it may take to answer one try")
                .default_value("10s"),
            argument::<N>("username", "NAME", value_parser!(String))
                .help("The service's own user name there"),
            argument::<N>("password", "PASSWORD", value_parser!(SecretString))
                .help("The password to that name; better kept in a file, as command lines can be read by others")
                .hide_env_values(true),
            argument::<N>("password-file", "FILE", value_parser!(PathBuf))
                .help("A file with the password to that name, such as a mounted Secret"),
            argument::<N>("token", "TOKEN", value_parser!(SecretString))
                .help("The service's own token there, in place of a name and a password; better kept in a file")
                .hide_env_values(true),
            argument::<N>("token-file", "FILE", value_parser!(PathBuf))
                .help("A file with that token, such as a mounted Secret"),
        ];
        // By it, clap knows whether an optional back-end is there.
        let group = ArgGroup::new(id::<N>("backend")).multiple(true);
        let group = group.args(arguments.iter().map(|argument| argument.get_id().clone()));
        command.group(group).args(arguments)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<N: BackendName> FromArgMatches for NamedBackend<N> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let url = matches.get_one(&id::<N>("url")).cloned();
        let url = url.ok_or_else(|| {
            let (flag, variable) = (flag::<N>("url"), variable::<N>("url"));
            let missing = format!("--{flag} or {variable} must be set: see --help.");
            clap::Error::raw(ErrorKind::ValueValidation, missing)
        })?;
        let timeout = matches.get_one(&id::<N>("timeout")).copied();
        Ok(Self {
            url,
            timeout: timeout.expect("it has a default"),
            username: matches.get_one(&id::<N>("username")).cloned(),
            password: matches.get_one(&id::<N>("password")).cloned(),
            password_file: matches.get_one(&id::<N>("password-file")).cloned(),
            token: matches.get_one(&id::<N>("token")).cloned(),
            token_file: matches.get_one(&id::<N>("token-file")).cloned(),
            name: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument<N: BackendName>(
    what: &str,
    value_name: &'static str,
    parser: impl Into<ValueParser>,
) -> Arg {
    Arg::new(id::<N>(what))
        .long(flag::<N>(what))
        .env(variable::<N>(what))
        .value_name(value_name)
        .value_parser(parser.into())
        .help_heading(format!("Back-end {}", N::NAME))
}

/// As in `keeper-password-file`.
fn flag<N: BackendName>(what: &str) -> String {
    format!("{}-{what}", N::NAME)
}

/// As in `keeper_password_file`: what clap's derive would make of a field of that name.
fn id<N: BackendName>(what: &str) -> String {
    flag::<N>(what).replace('-', "_")
}

/// As in `KEEPER_PASSWORD_FILE`.
fn variable<N: BackendName>(what: &str) -> String {
    id::<N>(what).to_ascii_uppercase()
}

fn file_variable<N: BackendName>(what: &str) -> String {
    variable::<N>(&format!("{what}-file"))
}

/// Whether `name` makes flags and variables, and is no other back-end's label.
const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut last = b'-';
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], last) {
            (b'a'..=b'z', _) => {}
            (b'0'..=b'9', _) if at > 0 => {}
            (b'-', b'a'..=b'z' | b'0'..=b'9') => {}
            _ => return false,
        }
        last = bytes[at];
        at += 1;
    }
    last != b'-' && !matches!(bytes, b"default")
}
