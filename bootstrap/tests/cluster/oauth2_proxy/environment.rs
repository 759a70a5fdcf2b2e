//! The proxy with the settings of the manifests: it knows each of them, and is of the version that they name.

use std::{collections::BTreeMap, fs, process::Command};

use bootstrap::render::Template;
use walkdir::WalkDir;

use crate::{
    commands::{finish, run},
    namespace::Namespace,
    oauth2_proxy::stage::{CLIENT_SECRET, PROXY, of_the_manifests, rendered},
};

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn the_proxy_starts_with_the_settings_of_the_manifests() {
    let scratch = tempfile::TempDir::new().unwrap();
    let secret = scratch.path().join("client-secret");
    fs::write(&secret, CLIENT_SECRET).unwrap();
    let log = scratch.path().join("log");
    let mut namespace = Namespace::new();
    let mut proxy = namespace.command("oauth2-proxy");
    proxy.arg("--client-secret-file").arg(secret);
    proxy.envs(of_the_manifests());
    proxy.stdout(fs::File::create(&log).unwrap());
    namespace.start(&mut proxy);
    namespace.wait_for(&format!("http://{PROXY}/ready"));
    // Probes and scrapes come here.
    namespace.wait_for("http://127.0.0.1:44180/metrics");

    let mut curl = namespace.command("curl");
    let start = format!("http://{PROXY}/oauth2/start");
    let head = run(curl.args(["--silent", "--head", "--request", "GET", &start]));
    let owner = "github.com/login/oauth/authorize?";
    assert!(head.contains(owner), "{head}");
    assert!(!head.contains("Secure"), "{head}");
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("expiry:12h0m0s"), "{said}");
}

/// A variable that it does not know is ignored, but a line of a file that it does not know is refused.
#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn the_proxy_knows_each_setting_of_the_manifests() {
    let settings = of_the_manifests();
    assert!(takes(&settings));
    for name in settings.keys() {
        let mut misspelt = settings.clone();
        let value = misspelt.remove(name).unwrap();
        misspelt.insert(format!("{name}_"), value);
        assert!(!takes(&misspelt), "{name}");
    }
}

/// Whether the proxy takes these settings as lines of its file.
fn takes(settings: &BTreeMap<String, String>) -> bool {
    let lines = settings.iter().map(|(name, value)| {
        let name = name.strip_prefix("OAUTH2_PROXY_").unwrap();
        format!("{} = {value:?}\n", name.to_ascii_lowercase())
    });
    let scratch = tempfile::TempDir::new().unwrap();
    let file = scratch.path().join("oauth2-proxy.cfg");
    fs::write(&file, lines.collect::<String>()).unwrap();
    let mut proxy = Command::new("oauth2-proxy");
    proxy.args(["--client-secret", CLIENT_SECRET, "--config"]);
    // It says what is wrong with its settings, and serves nothing.
    let output = finish(proxy.arg(file).arg("--config-test"));
    output.status.success()
}

#[test]
#[ignore = "needs Go: run .ci/cluster"]
fn the_proxy_is_of_the_version_that_the_manifests_name() {
    let program = run(Command::new("which").arg("oauth2-proxy"));
    let built = run(Command::new("go").args(["version", "-m", program.trim()]));
    let module = built.lines().find_map(|line| {
        line.trim()
            .strip_prefix("mod\tgithub.com/oauth2-proxy/oauth2-proxy/v7\t")
    });
    let version = module.unwrap().split('\t').next().unwrap();

    let image = format!("oauth2-proxy/oauth2-proxy:{version}");
    let manifests = rendered().folder.join("kubernetes");
    let named = named(&manifests);
    assert!(!named.is_empty());
    for (file, line) in named
        .into_iter()
        .chain(self::named(&Template::here().root.join("template")))
    {
        assert!(line.contains(&image), "{file}: {line} is not {image}");
    }
}

/// The lines below a folder that name an image of the proxy.
fn named(folder: &std::path::Path) -> Vec<(String, String)> {
    let files = WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            let file = entry.path().display().to_string();
            let lines = text
                .lines()
                .filter(|line| line.contains("oauth2-proxy/oauth2-proxy:"));
            Some(
                lines
                    .map(|line| (file.clone(), line.to_owned()))
                    .collect::<Vec<_>>(),
            )
        })
        .flatten()
        .collect()
}
