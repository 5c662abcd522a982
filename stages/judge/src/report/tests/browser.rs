//! The script of `report.html`, driven in a browser: these tests need `chromium` on the PATH and are skipped, with a
//! word, where there is none.

use super::world::World;
use std::process::Command;

/// What the page says in an element `<pre id="told">` after `script` ran; none without a browser.
fn told(world: &World, script: &str) -> Option<String> {
    let page =
        world.html().replace("</body>", &format!("<pre id=\"told\"></pre><script>{DRIVE}{script}</script></body>"));
    let path = world.folder.path().join("driven.html");
    std::fs::write(&path, page).expect("writes");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=2000"])
        .arg(format!("--user-data-dir={}", world.folder.path().join("profile").display()))
        .arg(format!("file://{}", path.display()))
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no chromium on the PATH");
        return None;
    };
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, told) = page.split_once("<pre id=\"told\">").expect("the script ran");
    Some(told.split_once("</pre>").expect("an end").0.to_owned())
}

const DRIVE: &str = "
    const tell = (words) => document.getElementById('told').append(words, ';');
    const table = (caption) => [...document.querySelectorAll('table')].find((t) => t.caption.textContent === caption);
    const column = (t, place) => [...t.tBodies].flatMap((b) => [...b.rows]).map((r) => r.cells[place].textContent).join(' ');
    const choose = (name, value) => {
        const select = document.querySelector(`select[name=${name}]`);
        select.value = value;
        select.dispatchEvent(new Event('change'));
    };
    const shown = () => [...document.querySelectorAll('[data-panel]')].filter((p) => !p.hidden)
        .map((p) => JSON.parse(p.dataset.panel).photograph).join(' ');
    const key = (name) => document.querySelector('.viewer').dispatchEvent(new KeyboardEvent('keydown', { key: name }));
";

#[test]
fn a_column_sorts_upwards_downwards_and_back() {
    let mut world = World::new();
    world.add_analysis(|_| ());
    let script = "
        const t = table('Photographs of each split, by how many labels they carry');
        const head = t.tHead.rows[0].cells[1];
        for (let click = 0; click < 4; click++) {
            tell((head.getAttribute('aria-sort') ?? 'as it was') + ': ' + column(t, 0));
            head.querySelector('button').click();
        }";
    let Some(told) = told(&world, script) else { return };
    assert_eq!(
        told,
        "as it was: train val test;ascending: val test train;descending: train val test;as it was: train val test;"
    );
}

#[test]
fn the_viewer_steps_and_chooses() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 3, None);
    world.change_cams("explain", |cams| {
        cams.panels[1].maps[0].probability = 0.2;
        cams.panels[2].truth = vec!["rust".into()];
    });
    let script = "
        tell(shown());
        document.querySelector('.next').click();
        tell(shown() + ' ' + document.querySelector('.viewer output').textContent);
        key('ArrowRight'); key('ArrowRight');
        tell(shown() + ' ' + document.querySelector('.next').disabled);
        key('ArrowLeft');
        tell(shown());
        choose('answers', 'misses'); tell(shown());
        choose('answers', 'alarms'); tell(shown());
        choose('label', 'rust'); tell(shown() + 'none: ' + !document.querySelector('.none').hidden);
        choose('answers', 'right'); tell(shown());
        choose('label', ''); document.querySelector('.every').click(); tell(shown());
        choose('answers', ''); tell(shown());";
    let Some(told) = told(&world, script) else { return };
    assert_eq!(told, "leaf0;leaf1 2 of 3;leaf2 true;leaf1;leaf1;leaf2;none: true;leaf2;leaf0;leaf0 leaf1 leaf2;");
}

#[test]
fn the_viewer_chooses_by_method_and_photograph() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 2, None);
    world.add_cams_as("rollout", "train", 2, None);
    world.change_cams("rollout", |cams| cams.method = "attention rollout".into());
    let script = "
        document.querySelector('.every').click(); tell(shown());
        choose('method', 'attention rollout'); tell(shown());
        choose('photograph', 'leaf1'); tell(shown());
        choose('method', ''); tell(shown());";
    let Some(told) = told(&world, script) else { return };
    assert_eq!(told, "leaf0 leaf0 leaf1 leaf1;leaf0 leaf1;leaf1;leaf1 leaf1;");
}

#[test]
fn colours_switch_and_stay() {
    let script = "
        const button = document.querySelector('.theme');
        const paper = () => getComputedStyle(document.body).backgroundColor;
        tell(paper()); button.click(); tell(paper() + button.textContent); button.click(); tell(paper());";
    let Some(told) = told(&World::new(), script) else { return };
    assert_eq!(told, "rgb(255, 255, 255);rgb(18, 23, 20)Light colours;rgb(255, 255, 255);");
}
