//! Who may call what: every route of the table, by everybody that it must refuse and by those that
//! it must let in.

mod described;
mod furnished;
mod tokens;

use api::{Access, Route};
use http::Method;
use shared::authz::jwt::NewToken;
use shared::authz::{Need, held_by};
use shared::domain::ids::OrganizationId;
use shared::domain::organization::Role;

use crate::world::{Answer, Caller, World, new_organization, run_test, sign};
use furnished::Place;

#[test]
fn every_route_refuses_strangers_and_lets_in_whom_it_should() {
    run_test(|w| async move {
        let other = new_organization(&w.context, "Other").await;
        let (own, platform) = (Place::organization(&w).await, Place::platform(&w).await);
        for route in in_order() {
            let place = place_of(route, &own, &platform);
            nobody(&w, route, place).await;
            if let Access::Organization(need) = route.access {
                someone_of(&w, route, place, other).await;
                without_the_need(&w, route, place, need).await;
            }
            if let Access::Platform(_) = route.access {
                not_of_the_platform(&w, route, place).await;
            }
        }
        // Only now those that may, so that nothing is gone before it was refused.
        for route in in_order() {
            if route.access == Access::Provider {
                continue;
            }
            let place = place_of(route, &own, &platform);
            let caller = match route.access {
                Access::Platform(_) => w.admin(),
                _ => w.owner(),
            };
            let answer = place.call(route, &caller).await;
            let let_in = !matches!(answer.status, 401 | 403 | 404) && answer.status < 500;
            assert!(let_in, "{answer}");
            if route.method == Method::DELETE {
                answer.expect(204);
            }
        }
    });
}

/// Reading first, then changes, and at last what deletes, each before what it depends on.
fn in_order() -> Vec<&'static Route> {
    let (deletes, mut routes): (Vec<&Route>, Vec<&Route>) = api::routes()
        .iter()
        .partition(|route| route.method == Method::DELETE);
    routes.sort_by_key(|route| route.changes());
    routes.extend(deletes.into_iter().rev());
    routes
}

fn place_of<'p>(route: &Route, own: &'p Place, platform: &'p Place) -> &'p Place {
    match route.access {
        Access::Platform(_) => platform,
        Access::Anyone | Access::Provider | Access::SignedIn | Access::Organization(_) => own,
    }
}

async fn nobody(w: &World, route: &Route, place: &Place) {
    // A signature is the credential there, and nothing else is.
    if route.access == Access::Provider {
        let call = w.api.call(route.method.clone(), &place.fill(&route.path));
        let answer = call.token(&w.owner().token).send().await;
        assert!(matches!(answer.status, 401 | 404), "{answer}");
        return;
    }
    if route.access == Access::Anyone {
        let answer = w.api.get(&place.fill(&route.path)).await;
        // A browser that brings nothing back from a provider is told so.
        let expected = if route.path.contains("/auth/") {
            400
        } else {
            200
        };
        assert_eq!(answer.status, expected, "{answer}");
        return;
    }
    let path = place.fill(&route.path);
    let answer = w.api.call(route.method.clone(), &path).send().await;
    answer.problem(401, "unauthenticated");
    assert!(answer.header("www-authenticate").is_some(), "{answer}");

    let ended = NewToken {
        exp: w.clock.now().timestamp() - 1,
        portal_admin: true,
        ..w.claims(Some(&[(w.organization, Role::Owner)]))
    };
    let call = w.api.call(route.method.clone(), &path).token(&sign(&ended));
    call.send().await.problem(401, "token_expired");
}

/// An owner elsewhere: this tenant does not exist for them.
async fn someone_of(w: &World, route: &Route, place: &Place, other: OrganizationId) {
    let stranger = w.member_of(other, Role::Owner);
    let answer = place.call(route, &stranger).await;
    let problem = answer.problem(404, "not_found");
    assert!(
        problem["detail"].as_str().unwrap().contains("organization"),
        "{answer}"
    );
}

/// Every role that lacks what the route needs, in its own tenant.
async fn without_the_need(w: &World, route: &Route, place: &Place, need: Need) {
    let mut refused = 0;
    for role in Role::ALL {
        let lacks = match need {
            Need::Membership => false,
            Need::Permission(permission) => !held_by(*role).holds(permission),
            Need::Ownership => *role != Role::Owner,
            Need::PortalAdmin => true,
        };
        if lacks {
            denied(&place.call(route, &w.member(*role)).await, need);
            refused += 1;
        }
    }
    assert!(
        refused > 0 || need == Need::Membership,
        "{} {} refuses no role",
        route.method,
        route.path
    );
}

async fn not_of_the_platform(w: &World, route: &Route, place: &Place) {
    let Access::Platform(need) = route.access else {
        return;
    };
    let answer = place.call(route, &w.owner()).await;
    denied(&answer, need);
}

fn denied(answer: &Answer, need: Need) {
    let problem = answer.problem(403, "permission_denied");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(need.word()) || detail.contains("portal_admin"),
        "{answer}"
    );
}

/// An id that is the platform's own is no organization.
#[test]
fn the_platform_is_no_organization() {
    run_test(|w| async move {
        let hidden = Caller {
            home: format!("/api/v1/organizations/{}", OrganizationId::PLATFORM),
            ..w.admin()
        };
        for path in ["", "/git-connections", "/jobs", "/activity"] {
            hidden.get(path).await.problem(404, "not_found");
        }
        let listed = w.admin().get("/api/v1/organizations").await.expect(200);
        let ids: Vec<&str> = listed["organizations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, [w.organization.to_string()]);
    });
}
