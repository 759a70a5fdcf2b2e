//! What the hooks have to say of single answers: what is wrong with them, and what they are when nobody gives them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use rhai::{AST, Array, Dynamic, Engine, FuncArgs, Scope, module_resolvers::FileModuleResolver};

use super::questions::{NAME, QUESTIONS};
use crate::{answers::Answers, house, render::Template};

/// The modules of a template's hooks, compiled. They belong to one thread, and are made in a millisecond or two.
pub struct Rules {
    engine: Engine,
    rules: AST,
    house: AST,
    constants: house::Constants,
}

/// What is chosen from, by answer.
pub type Choices = BTreeMap<&'static str, Vec<String>>;

/// What answers are to be when they are not given.
pub type Defaults = BTreeMap<&'static str, String>;

/// What is wrong with an answer, in one sentence that names it and the rule.
pub struct Fault {
    pub answer: &'static str,
    pub sentence: String,
}

impl Rules {
    /// The rules of this template.
    ///
    /// # Errors
    /// When a hook cannot be read.
    pub fn of(template: &Template) -> Result<Self> {
        let mut engine = Engine::new();
        engine.set_module_resolver(FileModuleResolver::new_with_path(&template.root));
        let module = |name: &str| {
            let path = template.root.join(format!("hooks/{name}.rhai"));
            let module = engine.compile_file(path);
            module.map_err(|error| anyhow!("{error}"))
        };
        Ok(Self {
            rules: module("rules")?,
            house: module("house")?,
            constants: house::constants(template, "house")?,
            engine,
        })
    }

    /// What is wrong with these answers, in the order of the questions. A name that is missing is wrong.
    ///
    /// # Errors
    /// When a hook fails.
    pub fn faults(&self, answers: &Answers) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        for answer in QUESTIONS.map(|question| question.name) {
            let value = match answer {
                NAME => Some(answers.name.as_str()),
                other => answers.get(other),
            };
            let Some(value) = value else { continue };
            let sentence: String =
                self.ask(&self.rules, "fault", (answer.to_owned(), value.to_owned()))?;
            if !sentence.is_empty() {
                faults.push(Fault { answer, sentence });
            }
        }
        Ok(faults)
    }

    /// What answers are chosen from; those that are free are not among them.
    ///
    /// # Errors
    /// When a hook fails.
    pub fn choices(&self) -> Result<Choices> {
        let mut found = Choices::new();
        for answer in QUESTIONS.map(|question| question.name) {
            let choices: Array = self.ask(&self.rules, "choices", (answer.to_owned(),))?;
            let choices = choices.into_iter().map(Dynamic::into_string);
            let choices: Result<Vec<_>, _> = choices.collect();
            let choices = choices.map_err(|other| anyhow!("a choice of {answer} is a {other}"))?;
            if !choices.is_empty() {
                found.insert(answer, choices);
            }
        }
        Ok(found)
    }

    /// What the house answers, where these answers do not. A year it has not, and an empty answer is none.
    ///
    /// # Errors
    /// When a hook fails.
    pub fn defaults(&self, answers: &Answers) -> Result<Defaults> {
        let constant = |name: &str| self.constants.get(name).cloned();
        let name = answers.name.clone();
        let owner = match answers.get("owner") {
            Some(owner) => owner.to_owned(),
            None => constant("owner").context("the house has no owner")?,
        };
        let mut defaults = Defaults::new();
        for answer in QUESTIONS.map(|question| question.name) {
            let default = match answer {
                "route" | "copyright" | "backend_url" => {
                    Some(self.ask(&self.house, answer, (name.clone(),))?)
                }
                "registry" => Some(self.ask(&self.house, answer, (owner.clone(),))?),
                "repository" => {
                    Some(self.ask(&self.house, answer, (owner.clone(), name.clone()))?)
                }
                _ => constant(answer),
            };
            defaults.extend(default.map(|default| (answer, default)));
        }
        Ok(defaults)
    }

    fn ask<T: Clone + 'static>(
        &self,
        module: &AST,
        function: &str,
        arguments: impl FuncArgs,
    ) -> Result<T> {
        let said = self
            .engine
            .call_fn(&mut Scope::new(), module, function, arguments);
        said.map_err(|error| anyhow!("{error}"))
    }
}
