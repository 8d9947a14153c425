//! The forge over HTTP: every origin of every face is a listener of its own on loopback.
//!
//! A request is worked on in a task of its own. Where the client goes away, what it asked for still happens, as it does
//! at a real provider; a client that gives up early must not be told apart from one whose answer was lost.

mod body;
mod door;
mod handle;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::Base;
use crate::forge::Forge;
use door::Door;

/// How the faces are to be served. Port 0 takes a free one.
#[derive(Clone, Debug, Default)]
pub struct Serve {
    /// Port of GitHub's web origin, which is also that of an Enterprise Server.
    pub github_web_port: u16,
    /// Port of GitHub's API origin.
    pub github_api_port: u16,
    /// Port of GitLab.
    pub gitlab_port: u16,
    /// Path under which GitLab is installed, like `/gitlab`; empty is the root.
    pub gitlab_path: String,
    /// Port of Bitbucket's web origin.
    pub bitbucket_web_port: u16,
    /// Port of Bitbucket's API origin.
    pub bitbucket_api_port: u16,
    /// Port of Azure DevOps.
    pub azure_port: u16,
    /// Port of Microsoft Entra.
    pub azure_login_port: u16,
    /// Port of Azure DevOps' profiles.
    pub azure_profile_port: u16,
}

/// Where GitHub is.
#[derive(Clone, Debug)]
pub struct GitHubAt {
    /// Web pages; stands for `https://github.com`, or for the address of an Enterprise Server.
    pub web_url: String,
    /// The API on an origin of its own; stands for `https://api.github.com`.
    pub api_url: String,
    /// The same API as an Enterprise Server has it: `{web_url}/api/v3`.
    pub enterprise_api_url: String,
}

/// Where GitLab is.
#[derive(Clone, Debug)]
pub struct GitLabAt {
    /// The instance's root, with its path.
    pub url: String,
    /// `{url}/api/v4`.
    pub api_url: String,
}

/// Where Bitbucket is.
#[derive(Clone, Debug)]
pub struct BitbucketAt {
    /// Web pages and OAuth; stands for `https://bitbucket.org`.
    pub web_url: String,
    /// Stands for `https://api.bitbucket.org/2.0`.
    pub api_url: String,
}

/// Where Azure DevOps is.
#[derive(Clone, Debug)]
pub struct AzureAt {
    /// Organizations and their APIs; stands for `https://dev.azure.com`.
    pub url: String,
    /// Microsoft Entra; stands for `https://login.microsoftonline.com`.
    pub login_url: String,
    /// Profiles; stands for `https://app.vssps.visualstudio.com`.
    pub profile_url: String,
}

impl BitbucketAt {
    fn base(&self) -> Base {
        Base {
            api: self.api_url.clone(),
            web: self.web_url.clone(),
        }
    }
}

impl AzureAt {
    fn base(&self) -> Base {
        Base {
            api: self.url.clone(),
            web: self.url.clone(),
        }
    }
}

/// A forge that is served until this is dropped.
pub struct Running {
    /// Where GitHub is.
    pub github: GitHubAt,
    /// Where GitLab is.
    pub gitlab: GitLabAt,
    /// Where Bitbucket is.
    pub bitbucket: BitbucketAt,
    /// Where Azure DevOps is.
    pub azure: AzureAt,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Forge {
    /// Serves all faces on 127.0.0.1.
    ///
    /// # Errors
    /// Where a port is taken.
    pub async fn serve(&self, how: Serve) -> io::Result<Running> {
        let (web, web_url) = listen(how.github_web_port).await?;
        let (api, api_url) = listen(how.github_api_port).await?;
        let (gitlab, gitlab_origin) = listen(how.gitlab_port).await?;
        let mount = how.gitlab_path.trim_matches('/');
        let mount = match mount {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let github = GitHubAt {
            enterprise_api_url: format!("{web_url}/api/v3"),
            web_url,
            api_url,
        };
        let url = format!("{gitlab_origin}{mount}");
        let gitlab_at = GitLabAt {
            api_url: format!("{url}/api/v4"),
            url,
        };
        let (bitbucket_web, web_url) = listen(how.bitbucket_web_port).await?;
        let (bitbucket_api, api_origin) = listen(how.bitbucket_api_port).await?;
        let bitbucket = BitbucketAt {
            web_url,
            api_url: format!("{api_origin}/2.0"),
        };
        let (azure_api, azure_url) = listen(how.azure_port).await?;
        let (azure_login, login_url) = listen(how.azure_login_port).await?;
        let (azure_profile, profile_url) = listen(how.azure_profile_port).await?;
        let azure = AzureAt {
            url: azure_url,
            login_url,
            profile_url,
        };
        let (stop, stopped) = watch::channel(false);
        let listeners = [
            (web, Door::github_web(&github)),
            (api, Door::github_api(&github)),
            (gitlab, Door::gitlab(&gitlab_at, mount)),
            (bitbucket_web, Door::bitbucket_web(&bitbucket)),
            (bitbucket_api, Door::bitbucket_api(&bitbucket)),
            (azure_api, Door::azure_api(&azure)),
            (azure_login, Door::azure_login(&azure)),
            (azure_profile, Door::azure_api(&azure)),
        ]
        .into_iter()
        .map(|(listener, door)| {
            let door = Arc::new(door);
            tokio::spawn(wire::accept(self.clone(), listener, door, stopped.clone()))
        })
        .collect();
        Ok(Running {
            github,
            gitlab: gitlab_at,
            bitbucket,
            azure,
            stop,
            listeners,
        })
    }
}

impl Running {
    /// Stops listening and waits until the ports are free. Requests in flight are still answered.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for listener in std::mem::take(&mut self.listeners) {
            // A listener can only end by the stop.
            let _ = listener.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn listen(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
