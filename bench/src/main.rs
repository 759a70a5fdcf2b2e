//! What a service costs, beside what its author could write by hand: `cargo run --release`, see README.md.
//!
//! - `programs`: builds what is measured;
//! - `server`: one of it at work, on a core of its own;
//! - `load`: requests from the other core;
//! - `contest`: slices of load for several servers in turn;
//! - `alone`: what is measured of one server at a time;
//! - `growth`: how the figures grow with connections, sessions, answers and routes;
//! - `table` and `plot`: how they are shown.

mod alone;
mod contest;
mod growth;
mod load;
mod plot;
mod programs;
mod server;
mod table;

use std::{fs, path::Path};

use anyhow::{Context, Result};
use clap::Parser;

use crate::{contest::Contest, programs::Programs};

/// Measures services of each auth type beside small programs that do the same by hand
#[derive(Parser)]
struct Args {
    /// How many slices of load each server gets in a contest
    #[arg(long, default_value_t = 9)]
    slices: usize,

    /// How many seconds a slice lasts
    #[arg(long, default_value_t = 2)]
    seconds: u32,

    /// Measure the Python predecessors, too; pip installs them into target/
    #[arg(long)]
    python: bool,

    /// Time `cargo generate`, and a release build from nothing, too
    #[arg(long)]
    fresh: bool,

    /// Measure how the figures grow, too
    #[arg(long)]
    growth: bool,

    /// Write docs/performance.md and its plots as well; with --python, --fresh and --growth
    #[arg(long, requires_all = ["python", "fresh", "growth"])]
    write: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let programs = Programs::build(args.python)?;
    let mut report = String::new();
    let mut say = |text: &str| {
        println!("{text}");
        report += text;
        report += "\n";
    };

    for contest in Contest::all(&programs, args.python) {
        let ran = contest.run(args.slices, args.seconds);
        say(&ran.with_context(|| format!("the contest {:?}", contest.title))?);
    }
    say(&alone::table(&programs)?);
    if args.fresh {
        say(&alone::fresh(&programs)?);
    }
    let plots = if args.growth {
        let grown = growth::measure(&programs)?;
        say(&grown.text);
        grown.plots
    } else {
        Vec::new()
    };
    if args.write {
        write(&programs.repository, &report, &plots)?;
    }
    Ok(())
}

/// Writes the page on performance: an introduction that stands in this folder, and what was measured.
fn write(repository: &Path, report: &str, plots: &[(String, String)]) -> Result<()> {
    let docs = repository.join("docs");
    for (name, svg) in plots {
        fs::write(docs.join("images").join(name), svg)?;
    }
    let about = fs::read_to_string(repository.join("bench/performance.md"))?;
    fs::write(docs.join("performance.md"), about + "\n" + report)?;
    Ok(())
}
