//! The kind `command`: any program as a stage.

use super::luck::signal;
use crate::world::{World, events, text, wait_until};

/// words -> shout (a shell script) -> after (copy).
fn world() -> World {
    let world = World::fake(
        r#"
[pipeline]
name = "p"
seed = 3

[sources]
words = "words"

[stages.shout]
kind = "command"
inputs = { from-here = "words", both = ["words", "words"] }
outputs = { loud = "text", log = "lines" }
run = "sh shout.sh"
files = ["shout.sh"]
params = { mark = "!", times = 2 }

[stages.after]
kind = "copy"
inputs = { from = "shout" }
"#,
    );
    world.write("words/a.txt", "hello");
    world.write(
        "shout.sh",
        "tr a-z A-Z < $PLANTPIPE_INPUT_FROM_HERE/a.txt > $PLANTPIPE_OUTPUT_LOUD/text.txt\n\
         printf \"$PLANTPIPE_PARAM_MARK$PLANTPIPE_PARAM_TIMES\" >> $PLANTPIPE_OUTPUT_LOUD/text.txt\n\
         echo $PLANTPIPE_PARAMS $PLANTPIPE_SEED > $PLANTPIPE_OUTPUT_LOG/log\n\
         echo \"$PLANTPIPE_INPUT_BOTH\" | wc -l\necho heard >&2\n",
    );
    world
}

#[test]
fn a_program_reads_its_inputs_and_params_and_fills_its_outputs() {
    let world = world();
    // From another folder too: the program runs where the pipeline file lies.
    std::fs::create_dir_all(world.path("deep")).expect("makes");
    let ended = world.command(&["run", "--json"]).current_dir(world.path("deep")).output().expect("starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    assert_eq!(world.read("cache/out/after/text/text.txt"), "HELLO!2");
    assert_eq!(world.read("cache/out/shout/log/log"), "{\"mark\":\"!\",\"times\":2} 3\n");
    let stdout = String::from_utf8(ended.stdout).expect("UTF-8");
    let mut notes: Vec<String> = events(&stdout, "stage_note").iter().map(|event| text(&event["note"])).collect();
    notes.sort();
    assert_eq!(notes, ["2", "copying", "heard"]);
    assert_eq!(world.run(&[]), [""; 0]);
}

#[test]
fn its_command_line_its_files_and_its_params_are_reasons_to_rerun() {
    let world = world();
    world.run(&[]);
    let script = world.read("shout.sh");
    world.write("shout.sh", script.replace("heard", "overheard"));
    assert!(world.ok(&["why", "shout"]).stdout.contains("input `files` changed"));
    assert_eq!(world.run(&[]), ["shout"]);
    world.edit("times = 2", "times = 3");
    assert_eq!(world.run(&[]), ["shout", "after"]);
    world.edit("sh shout.sh", "sh ./shout.sh");
    assert!(world.ok(&["why", "shout"]).stdout.contains("run: \"sh shout.sh\" -> \"sh ./shout.sh\""));
}

#[test]
fn a_program_that_fails_is_told_with_its_last_words() {
    let world = world();
    for (script, says) in [
        ("echo no such leaf >&2\nexit 7\n", "stage `shout` failed: its program ended with exit code 7: no such leaf"),
        ("plantpipe-nonsense\n", "its program was not found (exit code 127)"),
        ("kill -9 $$\n", "its program ended with exit code 137"),
        ("echo > $PLANTPIPE_OUTPUT_LOUD/text.txt\n", "its program wrote nothing into the output `log`"),
    ] {
        world.write("shout.sh", script);
        let ended = world.go(&["run"]);
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert_eq!(world.states(&[])[0], "shout failed");
}

#[test]
fn a_file_that_is_absent_is_told_before_anything_runs() {
    let world = world();
    std::fs::remove_file(world.path("shout.sh")).expect("removes");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("shout.sh\nhint: correct the stage's `files`"), "{}", ended.stderr);
    assert!(!world.path("cache").exists());
}

#[test]
fn an_output_of_another_format_is_no_input() {
    let world = world();
    world.edit("inputs = { from = \"shout\" }", "inputs = { from = \"shout.log\" }");
    let ended = world.go(&["status"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("`shout.log` gives lines, but kind `copy` wants text here"), "{}", ended.stderr);
}

#[test]
fn a_program_dies_with_the_run_that_started_it() {
    let world = world();
    world.write("shout.sh", "echo $$ > pid\nsleep 600\n");
    for name in ["INT", "KILL"] {
        let _ = std::fs::remove_file(world.path("pid"));
        let mut child = world.start(&["run"]);
        wait_until("the program runs", || {
            std::fs::read_to_string(world.path("pid")).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let pid = world.read("pid");
        signal(name, child.id());
        child.wait().expect("ends");
        wait_until("the program is gone", || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
    }
}

#[test]
fn names_that_would_be_one_variable_are_refused() {
    for (from, to, says) in [
        ("both = [", "from_here = [", "the inputs `from-here` and `from_here` would be one variable"),
        ("both = [", "files = [", "an input cannot be called `files`"),
        ("log = \"lines\"", "LOUD = \"lines\"", "the outputs `loud` and `LOUD` would be one variable"),
    ] {
        let world = world();
        world.edit(from, to);
        let ended = world.go(&["status"]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    let world = world();
    world.edit("times = 2", "Mark = 2");
    let ended = world.go(&["run"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("its params `Mark` and `mark` would both be PLANTPIPE_PARAM_MARK"),
        "{}",
        ended.stderr
    );
}
