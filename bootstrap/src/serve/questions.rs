//! What a service is asked for: the four questions, and the answers that the house has for it.

use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

/// The question that every service has to answer.
pub const NAME: &str = "name";

/// One answer, and what to tell people of it. What it must be, the hooks say.
pub struct Question {
    pub name: &'static str,
    pub title: &'static str,
    pub help: &'static str,
    pub kind: Kind,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The author.
    Asked,
    /// The house, unless the author knows better.
    House,
}

impl Question {
    const fn asked(name: &'static str, title: &'static str, help: &'static str) -> Self {
        let kind = Kind::Asked;
        Self {
            name,
            title,
            help,
            kind,
        }
    }

    const fn house(name: &'static str, title: &'static str, help: &'static str) -> Self {
        let kind = Kind::House;
        Self {
            name,
            title,
            help,
            kind,
        }
    }
}

/// All answers, in the order in which they are asked for.
pub const QUESTIONS: [Question; 23] = [
    Question::asked(
        NAME,
        "Name",
        "Lower-case letters, digits and dashes, such as build-times.",
    ),
    Question::asked(
        "description",
        "Description",
        "One line on what the service is for.",
    ),
    Question::asked(
        "repository",
        "Repository",
        "The URL of the service's source.",
    ),
    Question::asked(
        "auth_type",
        "Auth type",
        "How callers are authenticated to the back-end.",
    ),
    Question::house(
        "owner",
        "Owner",
        "The organisation or person whose repositories the service is in.",
    ),
    Question::house(
        "route",
        "Route",
        "The path of the service below the front end's host.",
    ),
    Question::house("host", "Host", "The host of the front end."),
    Question::house(
        "port",
        "Port",
        "The port that the service listens on, from 1024.",
    ),
    Question::house(
        "header",
        "Header",
        "A header that every answer carries, such as X-House: example.",
    ),
    Question::house(
        "support",
        "Support",
        "Where questions about the service go: a name, an address, a channel.",
    ),
    Question::house("copyright", "Copyright", "Whose the copyright is."),
    Question::house(
        "registry",
        "Registry",
        "Where the service's image is pushed to; its name follows.",
    ),
    Question::house(
        "backend_url",
        "Back-end URL",
        "The back-end that the service asks in the cluster.",
    ),
    Question::house(
        "namespace",
        "Namespace",
        "The namespace of the services and of their Gateway.",
    ),
    Question::house(
        "tls_secret",
        "TLS Secret",
        "The Secret with the host's certificate.",
    ),
    Question::house(
        "ingress_class",
        "Ingress class",
        "The class of the Ingress.",
    ),
    Question::house(
        "ingress_namespace",
        "Ingress namespace",
        "The namespace from which requests come.",
    ),
    Question::house(
        "monitoring_namespace",
        "Monitoring namespace",
        "The namespace from which metrics are scraped.",
    ),
    Question::house(
        "api_version",
        "API version",
        "The version of the API that the front end's services agree on.",
    ),
    Question::house(
        "version",
        "Version",
        "The version that the service starts with.",
    ),
    Question::house(
        "license",
        "Licence",
        "An SPDX expression, such as MIT or Apache-2.0.",
    ),
    Question::house(
        "year",
        "Year",
        "The year of the copyright; without it, the present one.",
    ),
    Question::house(
        "front_end",
        "Front end",
        "The way from the service's overlays to the front end.",
    ),
];

/// All answers, as parameters of a query: those of a service, of which the name must be given.
pub struct AllAnswers;

/// All answers, of which none must be given.
pub struct AnyAnswers;

/// All answers but the name.
pub struct OtherAnswers;

impl IntoParams for AllAnswers {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let answers = QUESTIONS.iter();
        let parameters = answers.map(|answer| parameter(answer, answer.name == NAME));
        parameters.collect()
    }
}

impl IntoParams for AnyAnswers {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let answers = QUESTIONS.iter();
        answers.map(|answer| parameter(answer, false)).collect()
    }
}

impl IntoParams for OtherAnswers {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let others = QUESTIONS.iter().filter(|question| question.name != NAME);
        others.map(|answer| parameter(answer, false)).collect()
    }
}

fn parameter(question: &Question, is_required: bool) -> Parameter {
    let required = match is_required {
        true => Required::True,
        false => Required::False,
    };
    ParameterBuilder::new()
        .name(question.name)
        .parameter_in(ParameterIn::Query)
        .required(required)
        .description(Some(question.help))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
