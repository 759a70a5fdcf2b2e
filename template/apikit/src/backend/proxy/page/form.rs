//! A form of a page, and what a browser would send of it, as the HTML standard has it.

use encoding_rs::Encoding;
use reqwest::Url;
use secrecy::ExposeSecret;

use super::{
    super::super::Credentials,
    control::{Control, Kind},
    dom::{Dom, Id},
    encoding,
    location::Location,
};

/// A form that could be sent.
pub struct Form {
    /// Its controls, in the page's order.
    controls: Vec<Control>,
    action: Option<Url>,
    method: Method,
    enctype: Enctype,
    encoding: &'static Encoding,
}

/// How a form's data travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// In the query of the URL.
    Get,
    /// In the body.
    Post,
    /// Not at all: the form closes a dialog.
    Dialog,
}

/// How a form's data are written into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enctype {
    /// As `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// As `multipart/form-data`.
    Multipart,
    /// As `text/plain`.
    Text,
}

/// What a browser would send when the form is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it is sent.
    pub action: Url,
    /// How it travels.
    pub method: Method,
    /// How it is written into a body.
    pub enctype: Enctype,
    /// The encoding of names and values.
    pub encoding: &'static Encoding,
    /// The fields, in order.
    pub entries: Vec<Entry>,
}

/// A field of a form, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// Its text; `None` for a file that nobody has chosen.
    pub value: Option<String>,
}

impl Form {
    /// Reads a form element of a page.
    pub fn read(dom: &Dom, form: Id, page: &Location) -> Self {
        let attribute = |name| dom.attribute(form, name);
        let owned = dom
            .elements()
            .filter(|id| Control::is_one(dom, *id) && dom.owner(*id) == Some(form));
        Self {
            controls: owned.map(|id| Control::read(dom, id, page)).collect(),
            action: page.target(attribute("action").unwrap_or_default()),
            method: attribute("method").map_or(Method::Get, Method::named),
            enctype: attribute("enctype").map_or(Enctype::UrlEncoded, Enctype::named),
            encoding: encoding::of_form(attribute("accept-charset"), page.encoding),
        }
    }

    /// Where it is sent by the button that a browser would press.
    pub fn target(&self) -> Option<&Url> {
        let button = self.default_button().and_then(|button| button.target());
        button.or(self.action.as_ref())
    }

    /// All places that it can be sent to, by one button or another.
    pub fn targets(&self) -> impl Iterator<Item = &Url> {
        let buttons = self.controls.iter().filter_map(Control::target);
        buttons.chain(self.action.as_ref())
    }

    /// Whether it asks for a password.
    pub fn has_password(&self) -> bool {
        self.password().is_some()
    }

    /// Whether people see where it asks for a password.
    pub fn shows_password(&self) -> bool {
        self.password()
            .is_some_and(|password| self.controls[password].is_visible())
    }

    /// Whether it has an enabled field of that name.
    pub fn has_field(&self, name: &str) -> bool {
        self.controls.iter().any(|control| control.name == name)
    }

    /// Whether it asks for a code from a second device.
    pub fn asks_for_code(&self) -> bool {
        let mut visible = self.controls.iter().filter(|control| control.is_visible());
        visible.any(|control| {
            control.autocomplete == "one-time-code"
                || ["app_otp", "app_totp", "sms_otp", "otp"].contains(&control.name.as_str())
        })
    }

    /// Whether a person has nothing to fill in, but at most a button to press.
    pub fn is_hidden(&self) -> bool {
        let mut controls = self.controls.iter();
        controls.all(|control| matches!(control.kind, Kind::Hidden | Kind::Button | Kind::Submit))
    }

    /// Whether it has a button that a person could press.
    pub fn has_button(&self) -> bool {
        self.default_button().is_some()
    }

    /// The submission without any input.
    pub fn submitted(&self) -> Option<Submission> {
        self.submission(|control| control.values.clone())
    }

    /// The submission with these credentials: the password in its field, and the user name in the text field just before
    /// it, or else in one that is marked for user names. Hidden decoys stay empty.
    ///
    /// `None` when there is no field for the user name.
    pub fn filled(&self, credentials: &Credentials) -> Option<Submission> {
        let password = self.password()?;
        let user = self.user_name(password)?;
        self.submission(|control| match control.id {
            id if id == self.controls[password].id => {
                vec![credentials.password.expose_secret().to_owned()]
            }
            id if id == self.controls[user].id => vec![credentials.username.clone()],
            _ => control.values.clone(),
        })
    }

    /// Its field for a password: the first that people see, or else the first.
    fn password(&self) -> Option<usize> {
        let asks = |control: &Control| control.kind == Kind::Password && control.is_enabled;
        let shows = |control: &Control| asks(control) && control.is_visible();
        let shown = self.controls.iter().position(shows);
        shown.or_else(|| self.controls.iter().position(asks))
    }

    fn user_name(&self, password: usize) -> Option<usize> {
        // A script may show the whole form later.
        let is_concealed = !self.controls[password].is_visible();
        let takes = |control: &Control| {
            control.kind == Kind::Text
                && control.is_enabled
                && (control.is_visible() || is_concealed)
                && !control.name.is_empty()
                && !control.name.starts_with("required_field")
        };
        let says_so = |control: &Control| {
            takes(control) && ["username", "email"].contains(&control.autocomplete.as_str())
        };
        let before = self.controls[..password].iter().rposition(takes);
        before.or_else(|| self.controls.iter().position(says_so))
    }

    /// The button that a browser presses for the enter key.
    fn default_button(&self) -> Option<&Control> {
        let mut buttons = self.controls.iter();
        buttons.find(|control| control.is_enabled && control.submits())
    }

    fn submission(&self, values: impl Fn(&Control) -> Vec<String>) -> Option<Submission> {
        let button = self.default_button();
        let pressed = button.map(|button| button.id);
        let mut entries = Vec::new();
        for control in self.controls.iter().filter(|control| control.is_enabled) {
            let is_pressed = Some(control.id) == pressed;
            if control.is_sent(is_pressed) {
                control.append(values(control), self.encoding, &mut entries);
            }
        }
        let by_button = button.map(|button| &button.submission);
        Some(Submission {
            action: self.target()?.clone(),
            method: by_button
                .and_then(|button| button.method)
                .unwrap_or(self.method),
            enctype: by_button
                .and_then(|button| button.enctype)
                .unwrap_or(self.enctype),
            encoding: self.encoding,
            entries,
        })
    }
}

impl Entry {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
        }
    }

    pub fn no_file(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
        }
    }
}

impl Method {
    pub(super) fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "post" => Self::Post,
            "dialog" => Self::Dialog,
            _ => Self::Get,
        }
    }
}

impl Enctype {
    pub(super) fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "multipart/form-data" => Self::Multipart,
            "text/plain" => Self::Text,
            _ => Self::UrlEncoded,
        }
    }
}
