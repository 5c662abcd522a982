//! Names on the hub: their address, its commit, its token and the cache of its own tools.

use super::server::{Server, file, redirect, reply};
use super::{SHA256, TAG, content, copied, world};
use crate::world::{Ended, World};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one model, whose `main` is a commit.
fn hub() -> Server {
    Server::start(|request| {
        let mut answer = file(request, &content(), TAG);
        if ["/timm/leaf/resolve/main/leaf.txt", &format!("/timm/leaf/resolve/{COMMIT}/leaf.txt")]
            .contains(&request.path.as_str())
        {
            let head = format!("\r\nX-Repo-Commit: {COMMIT}");
            answer.splice(15..15, head.bytes());
            answer
        } else {
            reply("401 Unauthorized", &[], &[])
        }
    })
}

/// `run` where the hub's variables are these and no others.
fn run(world: &World, variables: &[(&str, &str)], args: &[&str]) -> Ended {
    let mut command = world.command(&[&["run"], args].concat());
    for name in ["HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", world.path("home")).envs(variables.iter().copied()).output().expect("starts").into()
}

#[track_caller]
fn good(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Puts a file where the hub's own tools would.
fn put(world: &World, home: &str, bytes: &[u8]) {
    let folder = format!("{home}/hub/models--timm--leaf");
    world.write(&format!("{folder}/refs/main"), COMMIT);
    world.write(&format!("{folder}/snapshots/{COMMIT}/leaf.txt"), bytes);
}

#[test]
fn a_hub_name_is_a_file_of_the_hub_and_its_commit_is_asked_for_from_then_on() {
    let server = hub();
    let world = world("'hf://timm/leaf/leaf.txt'");
    let variables = [("HF_ENDPOINT", server.address.as_str())];
    good(&run(&world, &variables, &[]));
    assert_eq!(copied(&world), content());
    let lock = world.read("pipeline.lock");
    assert!(
        lock.contains(&format!("[sources.file]\nurl = \"hf://timm/leaf/leaf.txt\"\nrevision = \"{COMMIT}\"")),
        "{lock}"
    );
    assert!(lock.contains(&format!("sha256 = \"{SHA256}\"")), "{lock}");
    std::fs::remove_dir_all(world.path("cache")).expect("removes");
    good(&run(&world, &variables, &[]));
    assert_eq!(server.heard()[1].path, format!("/timm/leaf/resolve/{COMMIT}/leaf.txt"));
    assert_eq!(world.read("pipeline.lock"), lock);
}

#[test]
fn what_the_hubs_own_tools_have_is_used_even_offline() {
    for (home, variable) in [("hf", "HF_HOME"), ("home/.cache/huggingface", "")] {
        let world = world("'hf://timm/leaf/leaf.txt'");
        put(&world, home, &content());
        let folder = world.path(home);
        let named = [("HF_ENDPOINT", "http://127.0.0.1:9"), (variable, folder.to_str().expect("UTF-8"))];
        let named = if variable.is_empty() { &named[..1] } else { &named };
        let ended = run(&world, named, &["--offline"]);
        good(&ended);
        assert!(ended.stderr.contains("models--timm--leaf"), "{}", ended.stderr);
        assert_eq!(copied(&world), content());
        assert!(world.read("pipeline.lock").contains(COMMIT));
    }
}

#[test]
fn what_the_hubs_own_tools_have_and_is_not_wanted_is_passed_over() {
    let server = hub();
    let world = world(&format!("{{ url = 'hf://timm/leaf/leaf.txt', sha256 = '{SHA256}' }}"));
    put(&world, "home/.cache/huggingface", b"other");
    good(&run(&world, &[("HF_ENDPOINT", &server.address)], &[]));
    assert_eq!(copied(&world), content());
}

#[test]
fn the_hub_is_not_asked_where_it_is_offline() {
    let server = hub();
    let world = world("'hf://timm/leaf/leaf.txt'");
    let ended = run(&world, &[("HF_ENDPOINT", &server.address), ("HF_HUB_OFFLINE", "1")], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("hf://timm/leaf/leaf.txt is not on this machine yet"), "{}", ended.stderr);
    assert!(ended.stderr.contains("run without HF_HUB_OFFLINE"), "{}", ended.stderr);
    assert!(server.heard().is_empty());
}

#[test]
fn the_token_is_told_to_the_hub_and_to_no_server_that_it_redirects_to() {
    let store = Server::start(|request| file(request, &content(), TAG));
    let to = format!("{}/leaf.txt", store.address);
    let server = Server::start(move |request| match request.path.as_str() {
        "/inner" => redirect(&to),
        _ => redirect("/inner"),
    });
    let variables = [("HF_ENDPOINT", server.address.as_str()), ("HF_TOKEN", "secret")];
    let named = world("'hf://timm/leaf/leaf.txt'");
    good(&run(&named, &variables, &[]));
    let told = |server: &Server| server.heard().iter().map(|asked| asked.authorization.clone()).collect::<Vec<_>>();
    let token = Some("Bearer secret".to_owned());
    assert_eq!(told(&server), [token.clone(), token]);
    assert_eq!(told(&store), [None]);
    // An address that is no hub name is told no token, not even on the hub.
    let plain = world(&format!("'{}/leaf.txt'", server.address));
    good(&run(&plain, &variables, &[]));
    assert_eq!(told(&server)[2..], [None, None]);
}

#[test]
fn a_model_that_the_hub_does_not_give_is_told_with_its_address_and_a_word_on_the_token() {
    let server = hub();
    let world = world("'hf://timm/other'");
    let ended = run(&world, &[("HF_ENDPOINT", &server.address)], &[]);
    assert_eq!(ended.code, 1);
    let address = format!("{}/timm/other/resolve/main/model.safetensors answers 401", server.address);
    assert!(ended.stderr.contains(&format!("cannot download hf://timm/other: {address}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("a private or gated model wants HF_TOKEN"), "{}", ended.stderr);
}
