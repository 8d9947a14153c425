//! Who calls: user tokens with any claims, and API tokens.

use http::Method;
use serde_json::{Value, json};
use shared::authz::Assurance;
use shared::authz::jwt::{NewToken, Secret256, Verifier};
use shared::clock::Clock;
use shared::domain::ids::{OrganizationId, UserId};
use shared::domain::organization::Role;
use shared::domain::secret::{ExposeSecret, Secret};
use uuid::Uuid;

use super::{Answer, Api, Call, World};

/// The HS256 secret of every world.
pub const JWT_SECRET: &str = "jwt-Zq7Wb2Kx9Lm4Rt6Yp1Sd8Fg3Hj5Nv0Cu";

/// What checks user tokens signed with it.
pub fn verifier(clock: &Clock) -> Verifier {
    Verifier {
        clock: clock.clone(),
        secret: Secret256::new(&Secret::from(JWT_SECRET)),
        keys: None,
        issuer: None,
        audience: None,
    }
}

/// Signs claims with it.
pub fn sign(claims: &NewToken) -> String {
    let secret = Secret256::new(&Secret::from(JWT_SECRET)).unwrap();
    secret.sign(claims).unwrap().expose_secret().to_owned()
}

/// Somebody with a token and a place in the API that relative paths begin at.
#[derive(Clone)]
pub struct Caller {
    pub api: Api,
    pub token: String,
    pub home: String,
}

impl Caller {
    /// A call to a path below home, or to one that begins with `/api/`.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let path = if path.starts_with("/api/") {
            path.to_owned()
        } else {
            format!("{}{path}", self.home)
        };
        self.api.call(method, &path).token(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path).json(&body).send().await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path).json(&body).send().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path).send().await
    }

    /// The same person at another API, or in another place.
    pub fn at(&self, api: &Api) -> Self {
        Self {
            api: api.clone(),
            ..self.clone()
        }
    }

    /// An API token of the place that the caller is at home in, with these permissions.
    pub async fn api_token(&self, permissions: &[&str]) -> Self {
        let body = json!({ "name": "a program", "permissions": permissions });
        let made = self.post("/api-tokens", body).await.expect(201);
        Self {
            token: made["secret"].as_str().unwrap().to_owned(),
            ..self.clone()
        }
    }
}

impl World {
    /// Claims of a person, which outlast every move of a test's clock.
    pub fn claims(&self, organizations: Option<&[(OrganizationId, Role)]>) -> NewToken {
        let now = self.clock.now().timestamp();
        NewToken {
            sub: UserId(Uuid::from_u128(0x0070)),
            iat: now,
            exp: now + 3600 * 24 * 400,
            name: Some("Olga Owner".to_owned()),
            portal_admin: false,
            aal: Assurance::Aal1,
            organizations: organizations.map(|all| all.iter().copied().collect()),
            iss: None,
            aud: None,
        }
    }

    /// Somebody of an organization.
    pub fn member_of(&self, organization: OrganizationId, role: Role) -> Caller {
        Caller {
            api: self.api.clone(),
            token: sign(&self.claims(Some(&[(organization, role)]))),
            home: format!("/api/v1/organizations/{organization}"),
        }
    }

    /// Somebody of the world's organization.
    pub fn member(&self, role: Role) -> Caller {
        self.member_of(self.organization, role)
    }

    /// Its owner.
    pub fn owner(&self) -> Caller {
        self.member(Role::Owner)
    }

    /// Who runs the platform, at home there.
    pub fn admin(&self) -> Caller {
        let claims = NewToken {
            portal_admin: true,
            name: Some("Paula Portal".to_owned()),
            sub: UserId(Uuid::from_u128(0x0ad1)),
            ..self.claims(None)
        };
        Caller {
            api: self.api.clone(),
            token: sign(&claims),
            home: "/api/v1/platform".to_owned(),
        }
    }
}
