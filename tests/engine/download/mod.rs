//! Sources that lie elsewhere: a server on this machine that may break off, lie, or send round in circles.

mod hub;
mod lock;
mod server;

use crate::world::{Ended, World, events};
use server::{Server, cut, file, redirect, reply};

/// The file served: 300 000 bytes.
fn content() -> Vec<u8> {
    (0..300_000u32).map(|number| b'a' + (number.wrapping_mul(number) % 23) as u8).collect()
}

const SHA256: &str = "383880e4521f22eb04483271e78df01254abcffde200ea0a86a5625caa13bbe0";
const TAG: &str = "\"one\"";

/// A server that does as it should.
fn good() -> Server {
    Server::start(|request| match request.path.as_str() {
        "/absent" => reply("404 Not Found", &[], &[]),
        _ => file(request, &content(), TAG),
    })
}

/// A pipeline that copies its source `file`.
fn world(source: &str) -> World {
    World::fake(&format!(
        "[pipeline]\nname = 'p'\n[sources]\nfile = {source}\n[stages.first]\nkind = 'join'\ninputs = {{ parts = 'folder' }}\n\
         [stages.folder]\nkind = 'command'\ninputs = {{ from = 'file' }}\noutputs = {{ folder = 'text' }}\n\
         run = 'cp $PLANTPIPE_INPUT_FROM $PLANTPIPE_OUTPUT_FOLDER'\n"
    ))
}

/// The copy of `leaf.txt` that the pipeline makes.
fn copied(world: &World) -> Vec<u8> {
    world.read("cache/out/folder/folder/leaf.txt").into_bytes()
}

/// `run` fails with this exit code and says all this.
#[track_caller]
fn fails(world: &World, args: &[&str], code: i32, says: &[&str]) {
    let ended = world.go(args);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    for words in says {
        assert!(ended.stderr.contains(words), "`{words}` is not in: {}", ended.stderr);
    }
}

#[test]
fn a_source_is_downloaded_once_and_held_against_its_digest() {
    let server = good();
    let address = format!("{}/models/leaf.txt", server.address);
    let world = world(&format!("{{ url = '{address}', sha256 = '{SHA256}' }}"));
    assert_eq!(world.states(&[])[0], "folder blocked");
    let ended = world.ok(&["run"]);
    assert!(ended.stderr.contains(&format!("fetch   file    {address}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("done    file    300 kB in "), "{}", ended.stderr);
    assert_eq!(copied(&world), content());
    assert_eq!(world.run(&["--offline"]), [""; 0]);
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_connection_that_is_cut_is_told_and_the_next_run_goes_on_there() {
    let server = Server::start(|request| cut(file(request, &content(), TAG), 110_000));
    let world = world(&format!("'{}/leaf.txt'", server.address));
    for _ in 0..2 {
        let says =
            ["source `file`: the download of http://127.0.0.1:", "broke off", "run again: it goes on from where"];
        fails(&world, &["run"], 1, &says);
    }
    assert_eq!(world.run(&[]), ["folder", "first"]);
    assert_eq!(copied(&world), content());
    assert_eq!(server.ranges(), [None, Some(110_000), Some(220_000)]);
    assert_eq!(server.heard()[2].if_range.as_deref(), Some(TAG));
}

#[test]
fn a_file_shorter_than_its_length_says_is_no_whole_file() {
    let server = Server::start(|_| reply("200 OK", &[("Content-Length", "300000")], &content()[..250_000]));
    let world = world(&format!("'{}/leaf.txt'", server.address));
    fails(&world, &["run"], 1, &["broke off", "250000 bytes"]);
    assert_eq!(world.states(&[])[0], "folder blocked");
}

#[test]
fn a_server_that_knows_no_ranges_starts_over() {
    let server = Server::start(|request| match request.number {
        0 => cut(reply("200 OK", &[("ETag", TAG)], &content()), 1000),
        _ => reply("200 OK", &[("ETag", TAG)], &content()),
    });
    let world = world(&format!("'{}/leaf.txt'", server.address));
    fails(&world, &["run"], 1, &["broke off"]);
    world.run(&[]);
    assert_eq!(copied(&world), content());
    assert_eq!(server.ranges(), [None, Some(1000)]);
}

#[test]
fn a_file_that_changed_since_it_broke_off_is_taken_from_its_start() {
    let server = Server::start(|request| match request.number {
        0 => cut(file(request, &[b'x'; 5000], "\"old\""), 2000),
        _ => file(request, &content(), TAG),
    });
    let world = world(&format!("'{}/leaf.txt'", server.address));
    fails(&world, &["run"], 1, &["broke off"]);
    world.run(&[]);
    assert_eq!(copied(&world), content());
    assert_eq!(server.heard()[1].if_range.as_deref(), Some("\"old\""));
}

#[test]
fn without_a_tag_nothing_is_joined_to_what_came_before() {
    let server = Server::start(|request| match request.number {
        0 => cut(reply("200 OK", &[], &[b'x'; 5000]), 2000),
        1 => cut(reply("200 OK", &[("ETag", "W/\"weak\"")], &[b'x'; 5000]), 2000),
        _ => file(request, &content(), TAG),
    });
    let world = world(&format!("'{}/leaf.txt'", server.address));
    fails(&world, &["run"], 1, &["broke off"]);
    fails(&world, &["run"], 1, &["broke off"]);
    world.run(&[]);
    assert_eq!(copied(&world), content());
    assert_eq!(server.ranges(), [None, None, None]);
}

#[test]
fn what_is_whole_already_is_not_asked_for_again_and_a_range_that_does_not_fit_is_not_taken() {
    let server = Server::start(|request| match request.number {
        // All bytes of it come, and the connection hangs on: it promised more.
        0 => reply("200 OK", &[("ETag", TAG), ("Content-Length", "300001")], &content()),
        2 => cut(file(request, &content(), TAG), 1000),
        // It answers another range than that asked for.
        3 => reply("206 Partial Content", &[("ETag", TAG), ("Content-Range", "bytes 0-9/10")], &content()[..10]),
        _ => file(request, &content(), TAG),
    });
    let source = format!("'{}/leaf.txt'", server.address);
    let first = world(&source);
    fails(&first, &["run"], 1, &["broke off"]);
    first.run(&[]);
    assert_eq!(copied(&first), content());
    let second = world(&source);
    fails(&second, &["run"], 1, &["broke off"]);
    second.run(&[]);
    assert_eq!(copied(&second), content());
    assert_eq!(server.ranges(), [None, Some(300_000), None, Some(1000), None]);
}

#[test]
fn a_file_that_is_not_the_one_wanted_is_refused_and_removed() {
    let server = good();
    let wrong = "0".repeat(64);
    let world = world(&format!("{{ url = '{}/leaf.txt', sha256 = '{wrong}' }}", server.address));
    for _ in 0..2 {
        fails(&world, &["run"], 5, &[&format!("its sha256 is {SHA256}, not {wrong}"), "what came was removed"]);
        assert_eq!(world.states(&[])[0], "folder blocked");
    }
    assert_eq!(server.ranges(), [None, None]);
    assert!(!world.path("pipeline.lock").exists());
}

#[test]
fn redirects_are_followed_to_another_path_or_server() {
    let other = good();
    let to = format!("{}/leaf.txt?signature=1", other.address);
    let server = Server::start(move |request| match request.path.as_str() {
        "/a/leaf.txt" => redirect("b?x=1"),
        "/a/b?x=1" => redirect("/c"),
        _ => redirect(&to),
    });
    let world = world(&format!("'{}/a/leaf.txt'", server.address));
    world.run(&[]);
    assert_eq!(copied(&world), content());
    assert_eq!(server.heard().len(), 3);
    assert_eq!(other.heard()[0].path, "/leaf.txt?signature=1");
}

#[test]
fn redirects_that_lead_nowhere_are_told_as_such() {
    let server = Server::start(|request| match request.path.as_str() {
        "/a" => redirect("/b"),
        "/b" => redirect("/a"),
        "/plain" => redirect("http://example.org/leaf.txt"),
        "/nowhere" => reply("302 Found", &[], &[]),
        long => redirect(&format!("{long}x")),
    });
    let at = &server.address;
    for (path, says) in [
        ("a", format!("it redirects in a circle: {at}/a -> {at}/b -> {at}/a")),
        ("long", "it redirects more than 10 times".to_owned()),
        ("plain", "redirects to http://example.org/leaf.txt: plain http is asked on this machine only".to_owned()),
        ("nowhere", "redirects without saying where to".to_owned()),
    ] {
        fails(&world(&format!("'{at}/{path}'")), &["run"], 1, &[&format!("cannot download {at}/{path}: "), &says]);
    }
    assert_eq!(server.heard().iter().filter(|request| request.path.starts_with("/long")).count(), 11);
}

#[test]
fn what_cannot_be_downloaded_is_told_with_a_way_out() {
    let server = good();
    for (source, args, code, says) in [
        (format!("{}/absent", server.address), &["run"][..], 1, "the server answers 404"),
        ("http://127.0.0.1:9/x".to_owned(), &["run"], 1, "cannot download http://127.0.0.1:9/x"),
        (format!("{}/leaf.txt", server.address), &["run", "--offline"], 1, "is not on this machine yet"),
        ("http://example.org/leaf.txt".to_owned(), &["run"], 2, "plain http is asked on this machine only"),
        ("hf://leaf".to_owned(), &["run"], 2, "hf://leaf names no model"),
    ] {
        fails(&world(&format!("'{source}'")), args, code, &[says, "hint: "]);
    }
}

#[test]
fn a_download_altered_in_the_cache_is_told_and_downloaded_again() {
    let server = good();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    let folder = std::fs::read_dir(world.path("cache/downloads")).expect("a folder").flatten().next().expect("one");
    std::fs::write(folder.path().join("leaf.txt"), "altered").expect("writes");
    fails(&world, &["run", "--offline"], 1, &["file: what was downloaded was altered in the cache"]);
    assert_eq!(world.run(&[]), [""; 0]);
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn a_download_tells_its_events() {
    let server = good();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    let stream = world.ok(&["run", "--json"]).stdout;
    assert_eq!(events(&stream, "source_fetched")[0]["source"], "file");
    let progress = events(&stream, "stage_progress");
    let last = progress.iter().rfind(|event| event["unit"] == "bytes").expect("progress");
    assert_eq!((&last["done"], &last["total"]), (&300_000.into(), &300_000.into()));
    let kept = &events(&stream, "source_kept")[0];
    assert_eq!((&kept["bytes"], &kept["sha256"]), (&300_000.into(), &SHA256.into()));
}

#[test]
fn the_weights_of_a_checkpoint_are_brought_into_the_projects_cache_or_the_users_own() {
    let server = good();
    let address = format!("{}/leaf.txt", server.address);
    let world = world("'own.txt'");
    let ask = |args: &[&str]| -> Ended {
        let args = [&["predict", "pipeline.toml", "--arch", "abacus", "--weights", &address], args].concat();
        world.command(&args).env("XDG_CACHE_HOME", world.path("home")).output().expect("starts").into()
    };
    for cache in ["cache", "home/plantpipe"] {
        let ended = ask(&["--offline"]);
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.contains("is not on this machine yet"), "{}", ended.stderr);
        let ended = ask(&[]);
        assert!(ended.stdout.ends_with(",300000\n"), "{}", ended.stderr);
        let place = format!("/{cache}/downloads/");
        assert!(ended.stderr.contains("the weights are kept as ") && ended.stderr.contains(&place), "{}", ended.stderr);
        assert_eq!(ask(&["--offline", "-q"]).stderr, "");
        // Without a pipeline file there is no project any more.
        std::fs::rename(world.path("pipeline.toml"), world.path("elsewhere.toml")).ok();
        world.write("pipeline.toml/readme.png", "a folder of that name");
    }
    assert_eq!(server.heard().len(), 2);
    assert!(!world.path("pipeline.lock").exists());
}
