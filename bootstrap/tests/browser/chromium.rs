//! Chromium without a window, told what to do by its own protocol over a pair of pipes.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take over one thing.
const PATIENCE: Duration = Duration::from_secs(60);

/// The size of the page, in pixels.
const SIZE: (u32, u32) = (1000, 1350);

/// What keeps the browser to itself, and lets it run as root in a container.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--ignore-certificate-errors",
    "--remote-debugging-pipe",
];

/// A browser with one page. It ends when dropped.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    count: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let profile = TempDir::new().unwrap();
        // It reads from file 3 and writes to file 4. With `exec`, what is ended is the browser.
        let mut process = Command::new("sh")
            .args([
                "-c",
                r#"exec chromium "$@" 3<&0 4>&1 0</dev/null 1>&2"#,
                "sh",
            ])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh cannot be run");
        let commands = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = channel();
        thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let _ = sender.send(serde_json::from_slice(&message).unwrap());
            }
        });
        let mut browser = Self {
            process,
            commands,
            answers,
            session: None,
            count: 0,
            events: Vec::new(),
            _profile: profile,
        };
        browser.open_page();
        browser
    }

    fn open_page(&mut self) {
        let page = self.tell("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": page["targetId"], "flatten": true});
        let attached = self.tell("Target.attachToTarget", target);
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Network", "Page", "Runtime", "Log"] {
            self.tell(&format!("{domain}.enable"), json!({}));
        }
        self.resize(SIZE.0);
    }

    /// Makes the page so many pixels wide.
    pub fn resize(&mut self, width: u32) {
        let (_, height) = SIZE;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", size);
    }

    pub fn open(&mut self, url: &str) {
        let told = self.tell("Page.navigate", json!({"url": url}));
        assert!(told["errorText"].is_null(), "{url}: {told}");
    }

    /// Runs no script of a page from now on, so that it is read as by a browser without them.
    pub fn forbid_scripts(&mut self) {
        let forbidden = json!({"value": true});
        self.tell("Emulation.setScriptExecutionDisabled", forbidden);
    }

    /// Types into a field of the pages to come as soon as there is one, which is before their scripts are loaded.
    pub fn fill_early(&mut self, selector: &str, text: &str) {
        let source = format!(
            "new MutationObserver((_, observer) => {{
                const field = document.querySelector({selector:?});
                if (!field) return;
                observer.disconnect();
                field.value = {text:?};
            }}).observe(document, {{ childList: true, subtree: true }})"
        );
        let told = json!({"source": source});
        self.tell("Page.addScriptToEvaluateOnNewDocument", told);
    }

    /// The value of a JavaScript expression on the page; of a promise, what comes of it.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let told = self.tell("Runtime.evaluate", asked);
        let failed = &told["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        told["result"]["value"].clone()
    }

    /// Waits until the page has an element, and returns its text.
    pub fn text(&mut self, selector: &str) -> String {
        let found = self.value(&format!(
            "new Promise((found) => {{
                const look = () => {{
                    const element = document.querySelector({selector:?});
                    element ? found(element.textContent) : requestAnimationFrame(look);
                }};
                look();
            }})"
        ));
        found.as_str().unwrap().to_owned()
    }

    /// Waits until an expression has this value on the page that there is then. It needs no scripts.
    pub fn wait_until(&mut self, expression: &str, value: &Value) {
        let mut found = Value::Null;
        for _ in 0..600 {
            found = self.value(expression);
            if found == *value {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{expression} is {found} and not {value}");
    }

    pub fn click(&mut self, selector: &str) {
        self.text(selector);
        self.value(&format!("document.querySelector({selector:?}).click()"));
    }

    /// Types into a field, as by a keyboard.
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.text(selector);
        self.value(&format!("document.querySelector({selector:?}).select()"));
        self.tell("Input.insertText", json!({"text": text}));
        self.value("document.activeElement.blur()");
    }

    pub fn screenshot(&mut self, file: &Path) {
        let told = self.tell("Page.captureScreenshot", json!({"format": "png"}));
        let png = BASE64_STANDARD
            .decode(told["data"].as_str().unwrap())
            .unwrap();
        fs::write(file, png).unwrap();
    }

    /// The URLs of all requests that the browser has begun for the page.
    pub fn requests(&self) -> Vec<String> {
        let begun = self.events("Network.requestWillBeSent");
        begun
            .map(|told| told["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the page should not have done: exceptions, and what its own policy forbids.
    pub fn complaints(&self) -> Vec<&Value> {
        let entries = self.events("Log.entryAdded").map(|told| &told["entry"]);
        // An answer of 401 is an entry of the network's, and an answer like any other.
        let serious = |entry: &&Value| entry["source"] != "network" && entry["level"] != "verbose";
        let exceptions = self.events("Runtime.exceptionThrown");
        entries.filter(serious).chain(exceptions).collect()
    }

    fn events(&self, method: &str) -> impl Iterator<Item = &Value> {
        let events = self
            .events
            .iter()
            .filter(move |event| event["method"] == method);
        events.map(|event| &event["params"])
    }

    /// Tells the browser to do something and returns its answer; what happens meanwhile is kept.
    fn tell(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let mut message = json!({"id": self.count, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.commands, "{message}\0").unwrap();
        loop {
            let answer = self.answers.recv_timeout(PATIENCE);
            let answer = answer.unwrap_or_else(|error| panic!("{method} {params}: {error}"));
            if answer["id"] == self.count {
                assert!(answer["error"].is_null(), "{method} {params}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close, it takes its own children with it. The pipe ends when it has.
        let _ = write!(
            self.commands,
            "{}\0",
            json!({"id": 0, "method": "Browser.close"})
        );
        while self.answers.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
