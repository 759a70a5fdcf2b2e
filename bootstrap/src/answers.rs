//! The answers to the template's questions.

/// What makes one service different from another.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The name of the crate, the program and, unless overridden, the route.
    pub name: String,
    /// The other answers, each under the name of its placeholder; what is left out is asked or defaulted.
    pub given: Vec<(String, String)>,
}

impl Answers {
    /// Answers that leave all but the name to be asked or defaulted.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            given: Vec::new(),
        }
    }

    /// The answers that the template's plain twins are rendered with. As far as possible, none of them is a
    /// default, so that a fork has the same twins and gets changes to them without a conflict.
    pub fn example() -> Self {
        Self::named("job-metrics")
            .with("description", "Metrics of build jobs, by name.")
            .with("repository", "https://example.org/job-metrics")
            .with("auth_type", "basic")
            .with("route", "/job-metrics")
            .with("port", "8080")
            .with("api_version", "1.0")
            .with("version", "0.1.0")
            .with("license", "MIT")
    }

    /// These answers with one more, or with one changed.
    pub fn with(mut self, placeholder: &str, answer: &str) -> Self {
        self.given.retain(|(name, _)| name != placeholder);
        self.given.push((placeholder.to_owned(), answer.to_owned()));
        self
    }

    /// The answer to one placeholder, when it was given.
    pub fn get(&self, placeholder: &str) -> Option<&str> {
        let found = self.given.iter().find(|(name, _)| name == placeholder);
        found.map(|(_, answer)| answer.as_str())
    }
}
