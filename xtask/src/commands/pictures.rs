//! `cargo xtask pictures`: the pictures of a review's page, as Chromium shows it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::places::{Places, Profile};
use crate::step;

/// Names under which Chromium is installed.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A picture: its name, its size in pixels, and whether it is of the dark page.
const PICTURES: [(&str, &str, bool); 4] = [
    ("review-desk", "1020,1250", false),
    ("review-desk-dark", "1020,1250", true),
    ("review-phone", "390,1500", false),
    ("review-phone-dark", "390,1500", true),
];

/// Reviews the pull request that the review's own tests read, and takes its pictures into docs/pictures.
///
/// # Errors
/// When there is no Chromium, or it takes none.
pub(crate) fn run(places: &Places) -> Result<()> {
    let is_there = |name: &&&str| step::succeeds(Command::new(name).arg("--version"));
    let browser = BROWSERS.iter().find(is_there).with_context(|| {
        format!("there is no Chromium here: install one of {} and run this again", BROWSERS.join(", "))
    })?;
    cargo::build(places, &["gpu-stacks"], Profile::Dev)?;
    let work = places.target.join("pictures");
    std::fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let page = work.join("page.html");
    review(places, &page)?;
    for (name, size, dark) in PICTURES {
        let picture = places.repository.join(format!("docs/pictures/{name}.png"));
        take(browser, &page, &picture, size, dark, &work)?;
        step::say(format!("docs/pictures/{name}.png"));
    }
    Ok(())
}

/// The page, on whatever day it is made the same.
fn review(places: &Places, page: &Path) -> Result<()> {
    let mut review = Command::new(places.built("gpu-stacks", Profile::Dev));
    review
        .args(["review", "plans", "--report", "report.json", "--stacks", "live", "--out"])
        .arg(page)
        .current_dir(places.repository.join("generator/tests/review/pull-request"));
    let status = review.output().with_context(|| format!("cannot start `{}`", step::shown(&review)))?.status;
    ensure!(
        status.code() == Some(2),
        "`{}` ended with {status}, and this page needs a person",
        step::shown(&review)
    );
    Ok(())
}

fn take(browser: &str, page: &Path, picture: &Path, size: &str, dark: bool, work: &Path) -> Result<()> {
    let before = modified(picture);
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
        ])
        .arg(format!("--user-data-dir={}", work.join("profile").display()))
        .arg(format!("--blink-settings=preferredColorScheme={}", i32::from(!dark)))
        .arg(format!("--window-size={size}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()));
    step::output(&mut command)?;
    ensure!(modified(picture) != before, "{browser} took no picture: run `{}`", step::shown(&command));
    Ok(())
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|it| it.modified()).ok()
}
