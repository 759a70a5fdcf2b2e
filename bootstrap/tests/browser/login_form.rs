//! A login sends what a browser sends of the same page: each field, in its order and its encoding, to the same place.

use base64::{Engine, prelude::BASE64_STANDARD};
use bootstrap::http;

use crate::{
    chromium::Browser,
    random_page::RandomPage,
    recorder::{LOGIN, Recorder, Sent},
    stage::{ROUTE, Stage},
};

/// How many pages are sent by the browser.
const PAGES: usize = 50;

const PASSWORD: &str = "d\u{e9}mo & \u{20ac}\u{65e5}";

/// What a person does on the page: fills in the password and the text field in front of it, and presses the first button
/// that can be pressed. Its value is whether there was anything to send.
const LOG_IN: &str = "
    const password = document.querySelector('[name=password]');
    const form = password?.form;
    const own = [...document.querySelectorAll('input, button')].filter((control) => form && control.form === form);
    const texts = ['text', 'email', 'url', 'tel', 'search'];
    const takes = (control) =>
        texts.includes(control.type) && control.name && !control.matches(':disabled') && !control.closest('[hidden], [style]');
    const user = own.slice(0, own.indexOf(password)).filter(takes).pop();
    const usable = user && !password.matches(':disabled');
    if (usable) {
        user.value = USER;
        password.value = PASSWORD;
        form.setAttribute('novalidate', '');
        const submits = (control) => ['submit', 'image'].includes(control.type) && !control.matches(':disabled');
        const button = own.find(submits);
        button ? button.click() : HTMLFormElement.prototype.requestSubmit.call(form);
    }
    Boolean(usable)";

#[test]
#[ignore = "needs chromium: run .ci/browser"]
fn a_login_sends_what_a_browser_sends() {
    let recorder = Recorder::start(RandomPage::new(0));
    let stage = Stage::before(recorder.address);
    let mut browser = Browser::start();
    browser.forbid_scripts();
    let mut sent = 0;
    let mut differences = Vec::new();
    for seed in 0.. {
        if sent == PAGES {
            break;
        }
        let page = RandomPage::new(seed);
        let html = String::from_utf8_lossy(&page.body).into_owned();
        recorder.show(page);
        let user = format!("ada-{seed}");
        let by_browser = sent_by_browser(&mut browser, &recorder, &user);
        sent += usize::from(by_browser.is_some());
        let by_service = sent_by_service(&stage, &recorder, &user);
        if by_service != by_browser {
            differences.push(format!("{seed}: {html}\n{by_browser:#?}\n{by_service:#?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What the browser posts. A form that would have the password in its URL is none for a login.
fn sent_by_browser(browser: &mut Browser, recorder: &Recorder, user: &str) -> Option<Sent> {
    browser.open(&format!("http://{}{LOGIN}", recorder.address));
    while browser.value("document.readyState") != "complete" {}
    let script = LOG_IN
        .replace("USER", &format!("{user:?}"))
        .replace("PASSWORD", &format!("{PASSWORD:?}"));
    let is_sent = browser.value(&format!("{{{script}}}")) == true;
    let sent = is_sent.then(|| recorder.wait())?;
    sent.filter(|sent| sent.line.starts_with("POST "))
}

/// What the service posts with the password when a caller of that name asks for anything.
fn sent_by_service(stage: &Stage, recorder: &Recorder, user: &str) -> Option<Sent> {
    let credentials = BASE64_STANDARD.encode(format!("{user}:{PASSWORD}"));
    let authorization = format!("Authorization: Basic {credentials}");
    let path = format!("{ROUTE}/build/time");
    http::request(stage.service.address, "GET", &path, &[&authorization]).unwrap();
    // Without a password to fill in, a page's form of hidden fields leads on.
    let sent = recorder.taken()?;
    sent.body.contains("password").then_some(sent)
}
