//! The programs of a test: the example back-end, the proxy in front of it, Dex, and a rendered service.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use bootstrap::answers::Answers;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    front_end::start_backend_with,
    manifests::Rendered,
    namespace::Namespace,
};

/// Where each program is. Cookies ignore ports, so the provider has a host of its own.
pub const BACKEND: &str = "127.0.0.1:8081";
pub const PROXY: &str = "127.0.0.1:4180";
pub const PROVIDER: &str = "127.0.0.2:5556";
const SERVICE: &str = "127.0.0.1:9003";

/// The client that Dex knows, and a secret of the proxy's.
pub const CLIENT_ID: &str = "proxy-of-a-test";
pub const CLIENT_SECRET: &str = "no-secret-of-anybody";
pub const COOKIE_SECRET: &str = "thirty-two bytes of no other use";

/// Settings, as variables of an environment.
pub type Settings = BTreeMap<String, String>;

/// The service.
pub fn rendered() -> &'static Rendered {
    static RENDERED: LazyLock<Rendered> = LazyLock::new(|| {
        Rendered::of(Answers::named("behind-a-proxy").with("auth_type", "bitly-proxy"))
    });
    &RENDERED
}

/// The settings of the manifests, changed for the addresses of a test and its provider.
pub fn settings() -> Settings {
    let mut settings = of_the_manifests();
    settings.remove("OAUTH2_PROXY_GITHUB_ORG").unwrap();
    let upstream = format!("http://{BACKEND}/");
    let issuer = format!("http://{PROVIDER}");
    for (name, value) in [
        ("UPSTREAMS", upstream.as_str()),
        ("PROVIDER", "oidc"),
        ("OIDC_ISSUER_URL", &issuer),
        ("SCOPE", "openid email profile groups offline_access"),
        // Else Dex asks for consent at each login, whatever its own setting is.
        ("APPROVAL_PROMPT", "auto"),
    ] {
        settings.insert(format!("OAUTH2_PROXY_{name}"), value.to_owned());
    }
    settings
}

/// The settings of the manifests as they are, and what the Secret adds.
pub fn of_the_manifests() -> Settings {
    let file = "kubernetes/components/oauth2-proxy/oauth2-proxy.env";
    let text = fs::read_to_string(rendered().folder.join(file)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let set = lines.filter_map(|line| line.split_once('='));
    let secret = [
        ("OAUTH2_PROXY_CLIENT_ID", CLIENT_ID),
        ("OAUTH2_PROXY_COOKIE_SECRET", COOKIE_SECRET),
    ];
    set.chain(secret)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A program that ends with this, or when it is told.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        finish(Command::new("kill").arg(self.0.id().to_string()));
        let _ = self.0.wait();
    }
}

/// All programs, up.
pub struct Stage {
    pub namespace: Namespace,
    pub scratch: TempDir,
    proxy: Option<Program>,
    service: Option<Program>,
    provider: Option<Program>,
}

impl Stage {
    /// A service in front of a proxy with these settings beside those of the manifests.
    pub fn new(proxy: &[(&str, &str)]) -> Self {
        Self::with(proxy, &[], &[])
    }

    /// The same, with flags of Dex and variables of the service.
    pub fn with(proxy: &[(&str, &str)], dex: &[&str], service: &[(&str, &str)]) -> Self {
        let mut stage = Self::without_service(proxy, dex);
        stage.start_service(service);
        stage
    }

    /// All but the service.
    pub fn without_service(proxy: &[(&str, &str)], dex: &[&str]) -> Self {
        let mut namespace = Namespace::new();
        start_backend_with(&mut namespace, rendered(), BACKEND, &[]);
        let mut stage = Self {
            namespace,
            scratch: TempDir::new().unwrap(),
            proxy: None,
            service: None,
            provider: None,
        };
        stage.people(json!({"ada": {"password": "a word of ada's", "groups": ["observers"]}}));
        stage.start_provider(dex);
        stage.start_proxy(proxy);
        stage
    }

    /// Who can log in at the provider, from now on.
    pub fn people(&self, people: Value) {
        fs::write(self.path("people.json"), people.to_string()).unwrap();
    }

    fn start_provider(&mut self, flags: &[&str]) {
        let people = self.path("people.json");
        let mut command = self.namespace.command("dex");
        command.args(["--listen", PROVIDER]).args(flags);
        command.arg("--people").arg(people);
        self.provider = Some(self.start("dex", command));
        let discovery = format!("http://{PROVIDER}/.well-known/openid-configuration");
        self.namespace.wait_for_any_answer(&discovery);
    }

    pub fn stop_provider(&mut self) {
        self.provider = None;
    }

    /// Starts the proxy, in the place of the one before it.
    pub fn start_proxy(&mut self, more: &[(&str, &str)]) {
        self.proxy = None;
        let secret = self.path("client-secret");
        fs::write(&secret, CLIENT_SECRET).unwrap();
        let mut command = self.namespace.command("oauth2-proxy");
        command.arg("--client-secret-file").arg(secret);
        command.envs(settings());
        for (name, value) in more {
            command.env(format!("OAUTH2_PROXY_{name}"), value);
        }
        self.proxy = Some(self.start("oauth2-proxy", command));
        self.namespace.wait_for(&format!("http://{PROXY}/ready"));
    }

    /// Starts the service, in the place of the one before it.
    pub fn start_service(&mut self, variables: &[(&str, &str)]) {
        self.service = None;
        let program = rendered().program();
        let mut command = self.namespace.command(program.to_str().unwrap());
        command
            .env("LISTEN", SERVICE)
            .env("BACKEND_URL", format!("http://{PROXY}"))
            .env("AUTH_LOGIN_HOSTS", PROVIDER)
            .envs(variables.iter().copied());
        self.service = Some(self.start("service", command));
        self.namespace.wait_for(&format!("http://{SERVICE}/readyz"));
    }

    /// Starts a program whose output goes to a file of its own.
    pub fn start(&self, name: &str, mut command: Command) -> Program {
        let file = |end: &str| {
            let path = self.path(&format!("{name}.{end}"));
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap()
        };
        command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"));
        Program(command.spawn().expect("it can be run"))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.scratch.path().join(file)
    }

    /// What a program has printed.
    pub fn said(&self, name: &str) -> String {
        let read = |end| fs::read_to_string(self.path(&format!("{name}.{end}"))).unwrap();
        read("out") + read("err").as_str()
    }

    /// How many passwords the provider was sent.
    pub fn passwords_sent(&self) -> usize {
        self.said("dex").matches("password name=").count()
    }

    /// How many requests to the back-end the proxy knew to be of this person.
    pub fn requests_of(&self, name: &str) -> usize {
        let email = format!(" {name}@people.example ");
        let log = self.said("oauth2-proxy");
        let lines = log.lines().filter(|line| line.contains(&email));
        lines.filter(|line| line.contains("\"/api?")).count()
    }

    /// Asks the service for the sample, as `user:password`.
    pub fn ask(&self, caller: &str) -> (u16, Value) {
        self.ask_with(&["--user", caller])
    }

    /// Asks the service for the sample, with flags of curl.
    pub fn ask_with(&self, flags: &[&str]) -> (u16, Value) {
        let said = self.curl(flags, &format!("http://{SERVICE}/build/time"));
        let (body, status) = said.rsplit_once('\n').unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"));
        (status.parse().unwrap(), body)
    }

    /// The caller gets the back-end's answer.
    pub fn answers(&self, caller: &str) {
        self.answers_with(&["--user", caller]);
    }

    pub fn answers_with(&self, flags: &[&str]) {
        let expected = json!({"jobname": "build", "metric": "time", "value": "2m 41s"});
        let answer = self.ask_with(flags);
        assert_eq!(answer, (200, expected), "{}", self.said("service"));
    }

    /// The status of each of many requests at once.
    pub fn statuses_of(&self, count: usize, caller: &str) -> Vec<u16> {
        let mut curl = self.namespace.command("curl");
        curl.args(["--silent", "--max-time", "60", "--user", caller]);
        curl.args([
            "--parallel",
            "--parallel-immediate",
            "--parallel-max",
            "200",
        ]);
        curl.args(["--write-out", "%{http_code}\n", "--output", "/dev/null"]);
        for number in 0..count {
            if number > 0 {
                curl.args(["--output", "/dev/null"]);
            }
            curl.arg(format!("http://{SERVICE}/build/time"));
        }
        let said = run(&mut curl);
        said.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// What curl prints of an answer, and the status on a line of its own.
    pub fn curl(&self, flags: &[&str], url: &str) -> String {
        let mut curl = self.namespace.command("curl");
        curl.args(["--silent", "--show-error", "--max-time", "30"]);
        curl.args(["--write-out", "\n%{http_code}"]).args(flags);
        run(curl.arg(url))
    }
}
