//! A fork takes over what the template has become since.

use std::{fs, path::Path};

use bootstrap::{answers::Answers, twins};
use git2::{IndexAddOption, Oid, Repository, Signature, build::CheckoutBuilder};
use tempfile::TempDir;

use super::{
    has_nothing_of_the_old_house,
    made::{copy, make_its_own},
    render,
};

#[test]
fn a_later_merge_from_the_template_meets_no_conflict() {
    let scratch = TempDir::new().unwrap();
    let fork = copy(&scratch);
    let repository = Repository::init(scratch.path()).unwrap();
    let base = commit(&repository, "The template", &[]);

    make_its_own(&fork);
    let own = commit(&repository, "The house's own", &[base]);

    check_out(&repository, base);
    go_on(&fork.root);
    let newer = commit(&repository, "The template goes on", &[base]);

    let [own_commit, newer_commit] = [own, newer].map(|id| repository.find_commit(id).unwrap());
    let mut merged = repository
        .merge_commits(&own_commit, &newer_commit, None)
        .unwrap();
    assert!(!merged.has_conflicts());
    let tree = merged.write_tree_to(&repository).unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let author = Signature::now("nobody", "nobody@example.org").unwrap();
    let parents = [&own_commit, &newer_commit];
    let merge = repository.commit(None, &author, &author, "Merge", &tree, &parents);
    check_out(&repository, merge.unwrap());

    // A fork has the template's history, in which the commit of its workflows is. This one begins anew.
    let of_history = |file: &twins::Written| file.path == "hooks/workflows.rhai";
    let twins = twins::all(&fork).unwrap().into_iter();
    for file in twins.filter(|file| !of_history(file)) {
        let found = fs::read_to_string(fork.root.join(&file.path)).unwrap();
        assert!(found == file.text, "{} is out of step", file.path);
    }
    let service = render(&fork, &Answers::named("one-more"));
    has_nothing_of_the_old_house(&service);
    assert!(service["src/identity.rs"].contains("9000"));
    assert!(service["CHANGELOG.md"].contains("The house has a motto: onward."));
    assert!(service["src/service.rs"].contains("A new line of the template's."));
}

/// What a later version of the template may change: a new default, as `hooks/house.rhai` wants it, and what uses it;
/// code; a question; a file that repeats defaults.
fn go_on(root: &Path) {
    append(
        &root.join("hooks/house.rhai"),
        "\n// The motto of the house.\nexport const motto = \"onward\";\n",
    );
    append(
        &root.join("hooks/pre.rhai"),
        "\nvariable::set(\"motto\", house::motto);\n",
    );
    append(
        &root.join("template/CHANGELOG.md.liquid"),
        "- The house has a motto: {{motto}}.\n",
    );
    append(
        &root.join("template/src/service.rs"),
        "\n// A new line of the template's.\n",
    );
    append(
        &root.join("cargo-generate.toml"),
        "\n[placeholders.colour]\ntype = \"string\"\nprompt = \"Colour\"\ndefault = \"blue\"\n",
    );
    append(
        &root.join("kubernetes/base/kustomization.yaml"),
        "# A new line of the template's.\n",
    );
}

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, before + text).unwrap();
}

/// Commits all files as they are.
fn commit(repository: &Repository, message: &str, parents: &[Oid]) -> Oid {
    let mut index = repository.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = Signature::now("nobody", "nobody@example.org").unwrap();
    let parents = parents
        .iter()
        .map(|id| repository.find_commit(*id).unwrap());
    let parents: Vec<_> = parents.collect();
    let parents: Vec<_> = parents.iter().collect();
    repository
        .commit(None, &author, &author, message, &tree, &parents)
        .unwrap()
}

fn check_out(repository: &Repository, commit: Oid) {
    let commit = repository.find_commit(commit).unwrap();
    let mut wanted = CheckoutBuilder::new();
    repository
        .checkout_tree(commit.as_object(), Some(wanted.force()))
        .unwrap();
    repository.set_head_detached(commit.id()).unwrap();
}
