//! The form of the answers: the four questions, and what the house answers behind "more".

use maud::{Markup, html};

use super::{
    ROUTE,
    questions::{Kind, NAME, QUESTIONS, Question},
    rules::{Choices, Defaults, Fault},
};
use crate::answers::Answers;

/// What the form is filled with.
pub struct Form<'a> {
    pub choices: &'a Choices,
    pub answers: &'a Answers,
    /// What an answer is that is not given.
    pub defaults: &'a Defaults,
    pub faults: &'a [Fault],
}

/// The form.
pub fn form(form: &Form) -> Markup {
    let questions = |kind: Kind| {
        QUESTIONS
            .iter()
            .filter(move |question| question.kind == kind)
    };
    let is_open = questions(Kind::House).any(|question| form.answers.get(question.name).is_some());
    html! {
        form #answers action={ (ROUTE) "/" } method="get" aria-label="Answers" autocomplete="off" {
            @for question in questions(Kind::Asked) { (form.field(question)) }
            details open[is_open] {
                summary { "More: what the house answers" }
                @for question in questions(Kind::House) { (form.field(question)) }
            }
            button type="submit" { "Show the service" }
        }
    }
}

impl Form<'_> {
    fn field(&self, question: &Question) -> Markup {
        let name = question.name;
        let value = match name {
            NAME => self.answers.name.as_str(),
            name => self.answers.get(name).unwrap_or_default(),
        };
        let default = self.defaults.get(name).map_or("", String::as_str);
        let fault = self.faults.iter().find(|fault| fault.answer == name);
        html! {
            div.field {
                label for=(name) { (question.title) @if name == NAME { " " span.required { "required" } } }
                @if let Some(choices) = self.choices.get(name) {
                    (choice(name, choices, (default, value), fault.is_some()))
                } @else {
                    input #(name) name=(name) value=(value) placeholder=(default) required[name == NAME]
                        spellcheck=(name == "description") autocapitalize="off"
                        aria-invalid=[fault.map(|_| "true")] aria-describedby={ "help-" (name) " fault-" (name) };
                }
                p.help id={ "help-" (name) } { (question.help) }
                p.fault id={ "fault-" (name) } { @if let Some(fault) = fault { (fault.sentence) } }
            }
        }
    }
}

/// A choice whose first option stands for the default, which is not an answer then.
fn choice(
    name: &str,
    choices: &[String],
    (default, chosen): (&str, &str),
    is_faulty: bool,
) -> Markup {
    let others = choices.iter().map(String::as_str);
    // What is none of the choices is not to vanish, nor the default where it was chosen.
    let strange = Some(chosen).filter(|chosen| {
        !chosen.is_empty() && (*chosen == default || !choices.iter().any(|choice| choice == chosen))
    });
    let options = others.filter(|choice| *choice != default).chain(strange);
    html! {
        select #(name) name=(name) aria-invalid=[is_faulty.then_some("true")]
            aria-describedby={ "help-" (name) " fault-" (name) } {
            option value="" { (default) " (the default)" }
            @for choice in options {
                option value=(choice) selected[choice == chosen] { (choice) }
            }
        }
    }
}
