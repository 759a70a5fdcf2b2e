//! The demo: renders a service, starts it with its example back-end and asks it, before your eyes.

use std::{io, io::BufRead, net::SocketAddr, thread};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    answers::Answers,
    http, interruption,
    render::Template,
    running::{self, Process, Project},
};

/// Where the service listens, if that port is free.
const USUAL: &str = "127.0.0.1:8080";

/// `you:demo`, which the example back-end knows.
const CREDENTIALS: &str = "Authorization: Basic eW91OmRlbW8=";

/// How the demo is shown.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// How callers are authenticated to the back-end: none, basic or bitly-proxy
    #[arg(long, value_name = "TYPE", default_value = "none")]
    auth: String,

    /// End after the requests; the exit code says whether all were answered as they should be
    #[arg(long)]
    once: bool,
}

/// Renders, builds, starts and asks a service; then serves until Ctrl-C.
///
/// # Errors
/// One sentence, when any of that fails or an answer is not what it should be.
pub fn run(template: &Template, args: &DemoArgs) -> Result<()> {
    // So that the servers are not left running when it comes.
    let interrupted = interruption::heard()?;
    let answers = Answers::example().with("auth_type", &args.auth);
    let project = render(template, &answers)?;
    println!("\nBuilding it (the first time takes a minute or two) …\n");
    project.build()?;

    let secret = args.auth != "none";
    let backend = project.start_backend(running::backend_flags(&args.auth))?;
    let mut service = project
        .start(USUAL, &backend)
        .or_else(|_| project.start("127.0.0.1:0", &backend))?;
    show(&answers, service.address, secret)?;
    if args.once {
        let (code, _) = service.stop()?;
        ensure!(code == Some(0), "the service did not end with exit code 0");
        println!("\nAll answered as they should.");
        return Ok(());
    }
    invite(&answers, service.address, secret);
    echo(&mut service);
    interrupted.recv().context("Ctrl-C is not heard any more")
}

fn render(template: &Template, answers: &Answers) -> Result<Project> {
    let target = template.root.join("target");
    let folder = target.join("demo").join(&answers.name);
    template.render_over(answers, &folder)?;
    let shown = folder.strip_prefix(&template.root).unwrap_or(&folder);
    println!(
        "Rendered the service {} into {}.",
        answers.name,
        shown.display()
    );
    Ok(Project {
        folder,
        name: answers.name.clone(),
        target: target.join("renderings"),
    })
}

/// Asks the service for one thing after the other and shows the answers.
fn show(answers: &Answers, address: SocketAddr, secret: bool) -> Result<()> {
    let route = format!("/{}", answers.name);
    let metadata = format!(r#""name":"{}""#, answers.name);
    let own: &[&str] = if secret { &[CREDENTIALS] } else { &[] };
    println!("It is running. It says that it lives, and who it is:\n");
    ask(address, "/", &[], 200, "OK")?;
    ask(address, "/metadata", &[], 200, &metadata)?;
    ask(
        address,
        &format!("{route}/v1.0/metadata"),
        &[],
        200,
        &metadata,
    )?;
    if answers.get("auth_type") == Some("bitly-proxy") {
        println!(
            "\nIt logs in through the OAuth2 proxy in front of the back-end, as a browser would."
        );
    }
    println!("\nIt asks the back-end, which wants a query and answers plain text:\n");
    ask(
        address,
        &format!("{route}/build/time"),
        own,
        200,
        r#""value":"2m 41s""#,
    )?;
    println!("\nIt fails in one shape, whatever the reason:\n");
    ask(
        address,
        &format!("{route}/build"),
        own,
        400,
        "Must specify metric",
    )?;
    ask(address, "/nowhere", &[], 404, "Nothing is served")?;
    if secret {
        ask(
            address,
            &format!("{route}/build/time"),
            &[],
            401,
            "No authorization",
        )?;
    }
    Ok(())
}

fn ask(address: SocketAddr, path: &str, headers: &[&str], status: u16, part: &str) -> Result<()> {
    let answer = http::request(address, "GET", path, headers)
        .with_context(|| format!("GET {path} got no answer"))?;
    println!("  GET {path}\n      {} {}", answer.status, answer.body);
    ensure!(
        answer.status == status && answer.body.contains(part),
        "GET {path} should have answered {status} with {part:?}"
    );
    Ok(())
}

fn invite(answers: &Answers, address: SocketAddr, secret: bool) {
    let user = if secret { "-u you:demo " } else { "" };
    let base = format!("http://{address}");
    let name = &answers.name;
    println!(
        "\nTry it yourself, with build and time, size or author:\n
    curl {base}/metadata
    curl {user}{base}/{name}/build/author
    curl {user}{base}/{name}/build/nothing\n
Ctrl-C ends it. Meanwhile, this is its log:\n"
    );
}

/// Prints what the service logs, for as long as it does.
fn echo(service: &mut Process) {
    if let Some(log) = service.output() {
        thread::spawn(move || {
            for line in log.lines().map_while(io::Result::ok) {
                println!("{line}");
            }
        });
    }
}
