//! Downloads files of a model with the crate hf-hub: hfhub <repo> <revision> <file>...
//! It prints the path of each, or the error in all its causes.

use hf_hub::{api::sync::ApiBuilder, Repo, RepoType};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [id, revision, files @ ..] = args.as_slice() else {
        return Err("usage: hfhub <repo> <revision> <file>...".into());
    };
    let api = ApiBuilder::from_env().with_progress(false).build()?;
    let repo = api.repo(Repo::with_revision(id.clone(), RepoType::Model, revision.clone()));
    for file in files {
        println!("{}", repo.get(file)?.display());
    }
    Ok(())
}
