//! Bringing a checkpoint from a hub: looked up, begun, paused, gone on with, opened.

#[path = "../support/hub_server.rs"]
mod hub_server;

use crate::harness::{open, shot, wait};
use egui_kittest::kittest::Queryable;
use hub_server::HubServer;
use opabinia::window::Start;
use opabinia::window::action::ModelAction;
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{DownloadPhase, ModelPhase, Slot};
use std::path::Path;
use std::process::Command;

const MODEL: &str = "test-lab/demo";

/// The window takes the hub and its cache from the environment, which is that of the process: this test has one of its own.
#[test]
fn a_checkpoint_comes_when_it_is_asked_for_pauses_and_goes_on() {
    let hub = HubServer::start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    hub.put_checkpoint(MODEL, &root.join("assets/demo/checkpoint"));
    hub.set_rate(Some(700_000));
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "downloading::child", "--ignored", "--nocapture"]);
    for variable in ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        child.env_remove(variable);
    }
    let output = child.env("HF_HOME", home.path()).env("HF_ENDPOINT", &hub.endpoint).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
    let ranges = hub.take_seen().into_iter().filter(|seen| seen.headers.contains_key("range")).count();
    assert!(ranges > 0, "what was there when it was paused came again");
}

fn phase(app: &App) -> Option<&DownloadPhase> {
    app.state().download.as_ref().map(|download| &download.phase)
}

#[test]
#[ignore = "a part of the test above, which runs it with an environment of its own"]
fn child() {
    let mut window = open(Start::default(), [1024.0, 640.0]);
    window.state_mut().act(ModelAction::Inspect(Slot::A, MODEL.to_owned()));
    let opening = |app: &App| app.state().models.opening(Slot::A).map(|opening| format!("{:?}", opening.phase));
    wait(&mut window, "the refusal", |app| opening(app).is_some_and(|phase| phase.starts_with("Refused")));
    shot(&mut window, "download-offer");
    window.get_by_label("Look it up on the hub").click();
    wait(&mut window, "what it takes", |app| matches!(phase(app), Some(DownloadPhase::Known(_))));
    window.get_by_label_contains("laion/CLIP-convnext_xxlarge");
    window.get_by_label_contains("to download");
    shot(&mut window, "download-known");
    window.get_by_label("Download").click();
    window.step();
    let arrived = |app: &App| phase(app).and_then(DownloadPhase::needs).map_or(0, |needs| needs.plan.progress().done());
    wait_running(&mut window, |app| arrived(app) > 300_000);
    shot(&mut window, "download-arriving");
    window.get_by_label("Pause").click();
    window.step();
    wait(&mut window, "the pause", |app| matches!(phase(app), Some(DownloadPhase::Paused(_))));
    shot(&mut window, "download-paused");
    window.state_mut().act(UiCommand::SwitchLanguage);
    window.run_ok();
    shot(&mut window, "download-paused-zh");
    window.get_by_label("继续").click();
    window.step();
    wait_running(&mut window, |app| app.state().download.is_none());
    wait(&mut window, "the checkpoint", |app| {
        let opening = app.state().models.opening(Slot::A).map(|opening| &opening.phase);
        matches!(opening, Some(ModelPhase::Inspected(inspection)) if inspection.check().is_ok())
    });
    shot(&mut window, "download-done-zh");
    // What the hub refuses is said in the language of the window.
    let missing = "test-lab/missing".to_owned();
    window.state_mut().act(ModelAction::Inspect(Slot::A, missing.clone()));
    wait(&mut window, "the refusal", |app| opening(app).is_some_and(|phase| phase.starts_with("Refused")));
    window.state_mut().act(ModelAction::LookUp(Slot::A, missing));
    wait(&mut window, "the hub's refusal", |app| matches!(phase(app), Some(DownloadPhase::Failed(_))));
    window.get_by_label_contains("上没有 test-lab/missing，或它是私有的");
    shot(&mut window, "download-refused-zh");
}

/// Runs frames until `ready` holds, without waiting for the window to rest: it does not while something arrives.
fn wait_running(window: &mut egui_kittest::Harness<'_, App>, ready: impl Fn(&App) -> bool) {
    let started = std::time::Instant::now();
    while !ready(window.state()) {
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", window.state().state().download);
        std::thread::sleep(std::time::Duration::from_millis(20));
        window.step();
    }
}
