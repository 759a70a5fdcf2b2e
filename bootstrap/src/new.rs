//! `new [NAME]`: renders a service to keep.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use cargo_generate::Vcs;
use clap::Args;

use crate::{
    answers::Answers,
    render::{Ask, Manner, NextSteps, Template},
};

/// The answers on the command line. On a terminal, those that are missing are asked for; elsewhere
/// they have their defaults.
#[derive(Args, Clone, Debug)]
pub struct NewArgs {
    /// Name of the service: lower-case letters, digits and dashes. On a terminal, it is asked for
    name: Option<String>,

    /// One line on what the service is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// URL of the service's source
    #[arg(long, value_name = "URL")]
    repository: Option<String>,

    /// How callers are authenticated to the back-end: none, basic or bitly-proxy
    #[arg(long, value_name = "TYPE")]
    auth: Option<String>,

    /// A default to override, such as route=/metrics-of-jobs
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = definition)]
    define: Vec<(String, String)>,

    /// The folder to make the service's folder in
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

impl NewArgs {
    /// Refuses a missing name where nobody can be asked for it.
    ///
    /// # Errors
    /// One sentence.
    pub fn ensure_named(&self) -> Result<()> {
        ensure!(
            self.name.is_some() || Ask::if_possible() == Ask::OnTerminal,
            "name is missing, and there is no terminal to ask for it: give it as in `new my-service`"
        );
        Ok(())
    }

    fn answers(&self) -> Answers {
        let flags = [
            ("description", &self.description),
            ("repository", &self.repository),
            ("auth_type", &self.auth),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(name, answer)| Some((name, answer.as_deref()?)));
        let defined = self
            .define
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        defined.chain(given).fold(
            Answers::named(self.name.as_deref().unwrap_or_default()),
            |answers, (name, answer)| answers.with(name, answer),
        )
    }
}

/// Renders the service.
///
/// # Errors
/// One sentence, and nothing is left behind.
pub fn run(template: &Template, args: &NewArgs) -> Result<()> {
    let manner = Manner {
        ask: Ask::if_possible(),
        vcs: Vcs::Git,
        next_steps: NextSteps::Printed,
    };
    template.render(&args.answers(), &args.into, manner)?;
    Ok(())
}

/// The answers that the template takes, besides the name.
pub const PLACEHOLDERS: [&str; 22] = [
    "description",
    "repository",
    "auth_type",
    "owner",
    "route",
    "host",
    "port",
    "header",
    "support",
    "copyright",
    "registry",
    "backend_url",
    "namespace",
    "tls_secret",
    "ingress_class",
    "ingress_namespace",
    "monitoring_namespace",
    "api_version",
    "version",
    "license",
    "year",
    "front_end",
];

fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if PLACEHOLDERS.contains(&name) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        Some((name, _)) => Err(format!("{name} is none of {}", PLACEHOLDERS.join(", "))),
        None => Err("it must be NAME=VALUE, such as route=/my-service".to_owned()),
    }
}
