//! `.env.example` and `docs/CONFIGURATION.md` know every setting, with its default.
#![allow(
    clippy::unwrap_used,
    reason = "what a test's helper cannot have is the test's failure; the lint exempts #[test] functions alone"
)]

use shared::config::{SETTINGS, Setting};

const ENV_EXAMPLE: &str = include_str!("../.env.example");
const CONFIGURATION: &str = include_str!("../docs/CONFIGURATION.md");

#[test]
fn the_example_environment_lists_every_setting_with_its_default() {
    for setting in SETTINGS {
        let line = example_line(setting);
        let value = line.split_once('=').unwrap().1;
        if let Some(default) = setting.default {
            assert_eq!(
                value, default,
                "the default of {} in .env.example",
                setting.name
            );
        }
        if setting.secret && setting.name != "DATABASE_URL" && setting.name != "MOORING_REDIS_URL" {
            assert_eq!(
                value, "",
                "{} in .env.example must hold no value: somebody would use it",
                setting.name
            );
        }
    }
}

#[test]
fn the_example_environment_lists_nothing_else() {
    let names = ENV_EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='));
    for (name, _) in names.filter(|(name, _)| {
        name.bytes()
            .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
    }) {
        assert!(
            SETTINGS.iter().any(|setting| setting.name == name),
            "{name} in .env.example is no setting"
        );
    }
}

#[test]
fn the_configuration_page_explains_every_setting_with_its_default() {
    for setting in SETTINGS {
        let row = CONFIGURATION
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{}`", setting.name)));
        let row =
            row.unwrap_or_else(|| panic!("docs/CONFIGURATION.md has no row for {}", setting.name));
        if let Some(default) = setting.default.filter(|default| !default.is_empty()) {
            assert!(
                row.contains(&format!("`{default}`")),
                "the default {default} of {} is missing in: {row}",
                setting.name
            );
        }
    }
}

fn example_line(setting: &Setting) -> &'static str {
    let start = format!("#{}=", setting.name);
    let line = ENV_EXAMPLE.lines().find(|line| line.starts_with(&start));
    line.unwrap_or_else(|| panic!(".env.example has no line that starts with {start}"))
}
