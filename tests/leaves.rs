//! plantpipe's behaviour from photographs to a report, on tiny synthetic data sets.

use crate::world::{World, tree};
use std::fs;

/// The built-in pipeline, run by its profile `tiny`.
fn tiny() -> World {
    World::leaves(include_str!("../pipeline.toml"))
}

const TEST: &[&str] = &["--profile", "tiny"];
const REPORT: &str = "reports/apple-leaves-tiny";

#[test]
fn the_sample_goes_from_photographs_to_a_report_and_a_second_run_starts_nothing() {
    let world = tiny();
    let all = ["dataset", "analysis", "small", "labels", "shards", "train", "predict", "scores", "cams", "report"];
    assert_eq!(world.run(TEST), all);
    assert_eq!(world.run(TEST), [""; 0]);
    let report = world.read(&format!("{REPORT}/report.md"));
    assert!(report.contains("synthetic"), "{report}");
    for link in report.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !link.starts_with('#') && !link.starts_with("http") {
            assert!(world.path(REPORT).join(link).is_file(), "{link} is linked and not there");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_report_for_any_number_of_threads() {
    let reports: Vec<_> = ["1", "2", "4"]
        .map(|threads| {
            let world = tiny();
            let args = ["run", "-q", "--profile", "tiny", "-S", "stages.train.epochs=2"];
            let ended = world.command(&args).env("RAYON_NUM_THREADS", threads).output();
            assert!(ended.expect("starts").status.success());
            tree(&world.path(REPORT), "run.md")
        })
        .into();
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

/// The quickest training there is.
const HASTY: &[&str] = &["--profile", "tiny", "-S", "stages.train.epochs=1", "-S", "stages.train.size=32"];

#[test]
fn files_are_answered_for_exactly_as_the_stage_predict_answers() {
    let world = tiny();
    // Another size than the photographs have, so that they have to be made ready again.
    let args = [HASTY, &["-S", "stages.small.size=96"]].concat();
    world.run(&[&["predict"], &args[..]].concat());
    let folder = "cache/out/dataset/dataset/test/images";
    let answers = world.ok(&[&["predict", folder, "--stage", "train", "--cam", "cams"], &args[..]].concat()).stdout;
    let table = world.read("cache/out/predict/predictions/predictions.csv");
    let mut rows = 0;
    for answer in answers.lines().skip(1) {
        let cells: Vec<&str> = answer.split(',').collect();
        let id = cells[0].strip_prefix(folder).and_then(|name| name.strip_prefix('/')?.strip_suffix(".jpg"));
        let row = format!("{},test,{}", id.expect("a photograph"), cells[1..cells.len() - 1].join(","));
        assert!(table.lines().any(|line| line == row), "{row} is not in:\n{table}");
        rows += 1;
    }
    assert_eq!(rows, 48);
    assert_eq!(fs::read_dir(world.path("cams")).expect("a folder").count(), 48);
}

#[test]
fn a_matrix_of_trainings_meets_in_one_report() {
    let world = tiny();
    let sets = [
        "train.matrix={ lr = [1e-3, 1e-4] }",
        "predict.for_each=train",
        "scores.for_each=train",
        "cams.for_each=train",
    ];
    let sets: Vec<String> = sets.iter().map(|set| format!("stages.{set}")).collect();
    let args: Vec<&str> = sets.iter().flat_map(|set| ["-S", set]).chain(HASTY.iter().copied()).collect();
    let ran = world.run(&args);
    assert!(ran.contains(&"cams@0.0001".to_owned()), "{ran:?}");
    let report = world.read(&format!("{REPORT}/report.md"));
    for model in ["train@0.001", "train@0.0001"] {
        assert!(report.contains(model), "{model} is not in the report");
    }
}

const PROBES: &str = "\
[stages.embed]\nkind = 'embed'\ninputs = { shards = 'shards', model = 'train' }\n\
[stages.probe]\nkind = 'probe'\ninputs = { features = 'embed' }\nepochs = 5\nmatrix = { loss = ['bce', 'focal'] }\n\
[stages.probed]\nkind = 'evaluate'\nfor_each = 'probe'\ninputs = { predictions = 'probe', labels = 'labels' }\n\
[stages.told]\nkind = 'report'\ninputs = { evaluations = 'probed' }\n";

#[test]
fn the_published_experiment_for_a_gpu_runs_in_small_on_the_cpu_from_random_weights() {
    let (maker, world) = (tiny(), tiny());
    let few = ["train=12", "val=6", "test=6", "size=64"].map(|size| format!("stages.dataset.{size}"));
    maker.run(&[&["dataset"], &few.each_ref().map(|set| ["-S", set]).concat()[..]].concat());
    give(&maker, &world);
    let profile = ["--profile", "plant-pathology-2021-gpu"];
    let planned = world.ok(&[&["run", "-n", "-S", "sources.dataset=data"], &profile[..]].concat()).stdout;
    let models = ["resnet50-bce-off", "resnet50-focal-off", "resnet50-bce-paper", "vit_base_patch16_224-bce-off"];
    for model in models {
        assert!(planned.contains(&format!("train@{model} ")), "{model} is not in:\n{planned}");
    }
    let include = "[{ arch = 'resnet50', loss = 'bce', confusion = 'paper' }, { arch = 'vit_base_patch16_224', \
                   loss = 'bce', confusion = 'off', optimizer = 'adamw', lr = 1e-4, layer_decay = 0.75 }]";
    let sets = [
        "sources.dataset=data",
        "stages.train.inputs.weights={ remove = true }",
        "stages.train.size=32",
        "stages.train.batch=6",
        "stages.train.epochs=1",
        &format!("stages.train.matrix.include={include}"),
        "stages.cams.images=2",
        "stages.cams.faithfulness_steps=2",
        "stages.rollout.images=2",
        "stages.rollout.faithfulness_steps=2",
    ];
    let sets = sets.map(|set| ["-S", set]).concat();
    let ran = world.run(&[&profile[..], &sets[..]].concat());
    assert_eq!(ran.iter().filter(|stage| stage.contains('@')).count(), 16, "{ran:?}");
    let report = world.read("reports/plant-pathology-2021-gpu/report.md");
    for model in models {
        assert!(report.contains(&format!("train@{model}")), "{model} is not in the report");
    }
}

#[test]
fn heads_on_frozen_features_are_reported_and_a_new_photograph_is_the_only_one_embedded() {
    let world = tiny();
    world.write("pipeline.toml", world.read("pipeline.toml") + PROBES);
    let ran = world.run(&[&["told"], HASTY].concat());
    assert!(ran.ends_with(&["probed@bce", "probed@focal", "told"].map(str::to_owned)), "{ran:?}");
    assert!(world.read(&format!("{REPORT}/report.md")).contains("probe@focal"));
    // The same model, and the same photographs but for one.
    fs::create_dir(world.path("mine")).expect("makes");
    for (name, bytes) in tree(&world.path("cache/out/dataset/dataset"), "") {
        world.write(&format!("mine/{name}"), bytes);
    }
    let photographs: Vec<String> = tree(&world.path("mine/val/images"), "").into_keys().collect();
    let [first, second] = [0, 1].map(|at| world.path(&format!("mine/val/images/{}", photographs[at])));
    fs::copy(second, first).expect("copies");
    world.edit("[stages.embed]", "[sources]\nmine = 'mine'\nmodel = 'cache/out/train/model'\n[stages.embed]");
    world.edit("model = 'train'", "model = 'model'");
    world.edit("images = \"dataset\"", "images = \"mine\"");
    world.edit("labels = \"dataset\"", "labels = \"mine\"");
    let ended = world.ok(&[&["run", "embed"], HASTY].concat());
    assert!(ended.stderr.contains("1 of 240 photographs resized, the others are as before"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 240 photographs embedded, the others are as before"), "{}", ended.stderr);
}

#[test]
fn a_folder_of_photographs_with_a_table_becomes_a_pipeline_that_runs() {
    let world = tiny();
    world.run(&[&["dataset"], HASTY].concat());
    for (name, bytes) in tree(&world.path("cache/out/dataset/dataset/train/images"), "") {
        world.write(&format!("kaggle/train_images/{name}"), bytes);
    }
    world.write("kaggle/train.csv", world.read("cache/out/dataset/dataset/train_label.csv"));
    let words = world.ok(&["init", "mine", "--data", "kaggle"]).stderr;
    assert!(words.contains("found    144 photographs with labels: photographs and one table"), "{words}");
    assert!(words.contains("assumed  no splits given"), "{words}");
    let file = world.read("mine/pipeline.toml");
    assert!(file.contains("kind = \"split\""), "{file}");
    world.run(&["-C", "mine", "-S", "stages.train.epochs=1", "-S", "stages.train.size=32"]);
    assert!(world.read("mine/reports/mine/report.md").contains("144 photographs were compared; no two look alike."));
    let again = world.go(&["init", "mine", "--data", "kaggle"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("there is a mine/pipeline.toml already"), "{}", again.stderr);
    for (args, says) in [
        (["init", "kaggle/run", "--data", "kaggle"], "the pipeline would lie inside the data"),
        (["init", "kaggle", "--data", "kaggle"], "the pipeline would lie inside the data"),
        (["init", "other", "--data", "kaggle/train.csv"], "kaggle/train.csv is a file"),
        (["init", "other", "--data", "nowhere"], "there is no nowhere"),
    ] {
        let ended = world.go(&args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert!(!world.path("kaggle/run").exists() && !world.path("other").exists());
}

#[test]
fn a_changed_photograph_is_the_only_one_that_is_asked_about_and_explained_again() {
    let world = tiny();
    world.run(&[&["predict", "cams"], HASTY].concat());
    let outputs = || ["predict/predictions", "cams/cams"].map(|name| tree(&world.path("cache/out").join(name), ""));
    for (name, bytes) in tree(&world.path("cache/out/dataset/dataset"), "") {
        world.write(&format!("mine/{name}"), bytes);
    }
    let panels: Vec<String> = tree(&world.path("cache/out/cams/cams/panels"), "").into_keys().collect();
    let [first, second] = [0, 1].map(|at| world.path("mine/test/images").join(panels[at].replace(".png", ".jpg")));
    fs::copy(second, first).expect("copies");
    // The same model, and the same photographs but for one.
    let sets = [
        "sources.mine=mine",
        "sources.model=cache/out/train/model",
        "stages.small.inputs.images=mine",
        "stages.labels.inputs.labels=mine",
        "stages.predict.inputs.model=model",
        "stages.cams.inputs.model=model",
    ];
    let args = [&sets.map(|set| ["-S", set]).concat(), HASTY].concat();
    let ended = world.ok(&[&["run", "predict", "cams"], &args[..]].concat());
    let says = "answered for 48 photographs of val, 48 photographs of test; 1 is new, the others as before; ";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    let says = "8 photographs of test; 1 photograph is new, the others are as before";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    let item_by_item = outputs();
    world.ok(&[&["run", "predict", "cams", "--force", "predict", "--force", "cams"], &args[..]].concat());
    assert!(outputs() == item_by_item, "not as from scratch");
}

/// A world with a data set of its own in `data/`, and the stages up to the shards.
fn prepared() -> World {
    let maker = tiny();
    maker.run(&["dataset", "--profile", "tiny"]);
    let world = World::leaves(
        "[pipeline]\nname = 'own'\n[sources]\ndataset = 'data'\nweights = 'w.safetensors'\n\
         [stages.small]\nkind = 'resize'\ninputs = { images = 'dataset' }\nsize = 64\n\
         [stages.labels]\nkind = 'encode'\ninputs = { labels = 'dataset' }\n\
         [stages.shards]\nkind = 'pack'\ninputs = { images = 'small', labels = 'labels' }\n\
         [stages.train]\nkind = 'train'\ninputs = { shards = 'shards', weights = 'weights' }\nsize = 32\nepochs = 1\n",
    );
    give(&maker, &world);
    world
}

/// Copies the data set that one world drew into `data/` of another.
fn give(maker: &World, world: &World) {
    for (name, bytes) in tree(&maker.path("cache/out/dataset/dataset"), "") {
        world.write(&format!("data/{name}"), bytes);
    }
}

/// Some photograph of the train split.
fn photograph(world: &World) -> String {
    let mut names: Vec<String> = fs::read_dir(world.path("data/train/images"))
        .expect("a folder")
        .flatten()
        .map(|entry| format!("data/train/images/{}", entry.file_name().display()))
        .collect();
    names.sort();
    names.swap_remove(0)
}

/// `run` fails with exit code 1, one sentence that holds these words, and that stage unrecorded.
#[track_caller]
fn fails(world: &World, args: &[&str], stage: &str, words: &[&str]) {
    let ended = world.go(&[&["run"], args].concat());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "`{word}` is not in: {}", ended.stderr);
    }
    let states = world.states(&[]);
    assert!(!states.contains(&format!("{stage} fresh")), "{states:?}");
}

#[test]
fn a_changed_photograph_reruns_what_depends_on_its_pixels_and_no_more() {
    let world = prepared();
    assert_eq!(world.run(&["shards"]), ["small", "labels", "shards"]);
    let name = photograph(&world);
    let mut bytes = fs::read(world.path(&name)).expect("reads");
    assert_eq!(&bytes[6..10], b"JFIF");
    // The pixel density, which changes no pixel: `resize` gives what it gave, and wakes nothing.
    bytes[15] ^= 1;
    world.write(&name, bytes);
    assert_eq!(world.run(&["shards"]), ["small"]);
    let other = tree(&world.path("data/test/images"), "").into_values().next().expect("a photograph");
    world.write(&name, other);
    assert_eq!(world.run(&["shards"]), ["small", "shards"]);
}

#[test]
fn a_missing_data_set_is_told_with_its_path() {
    let world = prepared();
    fs::remove_dir_all(world.path("data")).expect("removes");
    let path = world.path("data").display().to_string();
    fails(&world, &["shards"], "small", &["source `dataset`", &path, "--set sources.dataset=PATH"]);
    world.write("data/readme.txt", "nothing here");
    fails(&world, &["shards"], "small", &[&path, "train"]);
}

#[test]
fn a_label_table_that_names_an_absent_photograph_is_told() {
    let world = prepared();
    let table = world.read("data/val_label.csv");
    world.write("data/val_label.csv", format!("{table}0123456789abcdef.jpg,rust\n"));
    fails(&world, &["shards"], "labels", &["val_label.csv", "0123456789abcdef.jpg"]);
}

#[test]
fn a_truncated_photograph_is_told_and_nothing_is_made_up_for_it() {
    let world = prepared();
    let name = photograph(&world);
    let bytes = fs::read(world.path(&name)).expect("reads");
    world.write(&name, &bytes[..bytes.len() * 2 / 3]);
    let file = name.rsplit('/').next().expect("a name").to_owned();
    fails(&world, &["shards"], "small", &[&file, "truncated"]);
}

/// A safetensors file with a word of its header replaced.
fn reworded(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    let header = std::str::from_utf8(&file[8..8 + length]).expect("a header is JSON");
    assert!(header.contains(old), "`{old}` is not in the header");
    let header = header.replacen(old, new, 1);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &file[8 + length..]].concat()
}

#[test]
fn weights_that_do_not_fit_are_told_with_the_tensor_and_both_shapes() {
    let world = prepared();
    world.run(&["train", "-S", "stages.train.inputs.weights={ remove = true }"]);
    let good = fs::read(world.path("cache/out/train/model/model.safetensors")).expect("reads");
    world.write("w.safetensors", reworded(&good, r#""bn1.weight":"#, r#""bn0.weight":"#));
    fails(&world, &["train"], "train", &["w.safetensors", "tensor `bn1.weight` [64] is missing"]);
    world.write(
        "w.safetensors",
        reworded(&good, r#""bn1.weight":{"dtype":"F32","shape":[64]"#, r#""bn1.weight":{"dtype":"F32","shape":[8,8]"#),
    );
    fails(&world, &["train"], "train", &["w.safetensors", "`bn1.weight` has shape [8, 8]", "[64]"]);
    world.write("w.safetensors", "rubbish");
    fails(&world, &["train"], "train", &["w.safetensors", "no safetensors file"]);
    // What ran before the failure is kept, and good weights end it.
    assert_eq!(world.states(&["shards"]), ["small fresh", "labels fresh", "shards fresh"]);
    world.write("w.safetensors", &good);
    assert_eq!(world.run(&["train"]), ["train"]);
}
