//! What the log tells of refreshes, and chance in faults, over HTTP.

mod support;

use std::time::Duration;

use mooring_forge::{Action, Canned, Face, Fault, Hold, Match, OAuthAppSpec, Request, Serve};
use support::World;
use support::oauth::REDIRECT;

struct At {
    w: World,
    client: [(String, String); 2],
    refresh: String,
}

impl At {
    async fn new() -> Self {
        let w = World::new(Serve::default()).await;
        let app = w.forge.add_oauth_app(OAuthAppSpec::gitlab(REDIRECT));
        let refresh = w.forge.grant(app.id, "ada").refresh_token.expect("one");
        let client = [
            ("client_id".to_owned(), app.client_id),
            ("client_secret".to_owned(), app.client_secret),
        ];
        Self { w, client, refresh }
    }

    async fn present(&self) -> Result<u16, reqwest::Error> {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh.as_str()),
            ("redirect_uri", REDIRECT),
        ];
        form.extend(self.client.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let url = format!("{}/oauth/token", self.w.at.gitlab.url);
        let answer = self.w.form(&url, &form).send().await?;
        Ok(answer.status().as_u16())
    }

    fn log(&self) -> Vec<Request> {
        let id = self.w.forge.refresh_token_id(&self.refresh);
        self.w
            .forge
            .requests(&Match::any().refresh_token(id.expect("known")))
    }
}

fn refreshes() -> Match {
    Match::face(Face::GitLab).grant_type("refresh_token")
}

#[tokio::test]
async fn a_lost_answer_was_given_a_token_all_the_same() {
    let at = At::new().await;
    at.w.forge
        .fault(Fault::on(refreshes(), Action::Reset).once());
    assert!(at.present().await.is_err());
    at.w.forge
        .fault(Fault::on(refreshes(), Action::LoseAnswer).once());
    assert!(at.present().await.is_err());
    assert_eq!(at.present().await.expect("an answer"), 400);
    let log = at.log();
    let told: Vec<_> = log.iter().map(|r| (r.status, r.issued.is_some())).collect();
    assert_eq!(told, [(None, false), (None, true), (Some(400), false)]);
    let id = log[1].issued.expect("a token");
    assert!(at.w.forge.read(|s| s.token(id).is_some_and(|t| !t.revoked)));
    assert!(!format!("{log:?}").contains(&at.refresh));
}

#[tokio::test]
async fn failures_before_and_after_the_work_and_gates_mean_the_endpoint_too() {
    let at = At::new().await;
    let sorry = |action: fn(Canned) -> Action| action(Canned::html(502));
    at.w.forge
        .fault(Fault::on(refreshes(), sorry(Action::Answer)).once());
    assert_eq!(at.present().await.expect("an answer"), 502);
    let gate = at.w.forge.gate(refreshes(), Hold::AfterWork);
    at.w.forge
        .fault(Fault::on(refreshes(), sorry(Action::AnswerAfterWork)).once());
    let (status, ()) = tokio::join!(at.present(), async {
        gate.arrived(1).await;
        assert!(at.log()[1].issued.is_some());
        gate.open();
    });
    assert_eq!(status.expect("an answer"), 502);
    assert_eq!(at.present().await.expect("an answer"), 400);
}

#[tokio::test]
async fn chance_can_be_had_again() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let at = At::new().await;
        let lost = Fault::on(refreshes(), Action::LoseAnswer)
            .percent(40)
            .answered_within(Duration::from_millis(2));
        let lost = at.w.forge.fault(lost);
        let rest =
            Fault::delay(refreshes(), Duration::ZERO).delayed_up_to(Duration::from_millis(2));
        let rest = at.w.forge.fault(rest);
        let mut answered = Vec::new();
        for _ in 0..60 {
            answered.push(at.present().await.is_ok());
        }
        let hits = at.w.forge.hits(lost);
        assert!((10..=40).contains(&hits), "{hits}");
        assert_eq!(hits + at.w.forge.hits(rest), 60);
        runs.push(answered);
    }
    assert_eq!(runs[0], runs[1]);
}
