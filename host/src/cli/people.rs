//! `sambung user add` and `sambung token create`. Both work beside a running server: they open the same database.

use std::io::Read;

use anyhow::{Context, bail};
use clap::Subcommand;
use sambung_runtime::manifest::settings::is_email;
use serde_json::json;

use crate::auth::{Auth, AuthError, Role};
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::db::{Db, DbConfig, WorkspaceRow};
use crate::model::audit::Entry;
use crate::model::name;

/// `sambung user …`
#[derive(Subcommand)]
pub(super) enum User {
    /// Add a person who signs in
    Add {
        /// The e-mail address
        #[arg(long)]
        email: String,
        /// operator, admin, supervisor or agent
        #[arg(long)]
        role: Role,
        /// As shown
        #[arg(long, default_value = "")]
        name: String,
        /// The workspace, by id or name [default: the first]
        #[arg(long)]
        workspace: Option<String>,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

/// `sambung token …`
#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token and print it alone on standard output
    Create {
        /// operator, admin, supervisor or agent
        #[arg(long)]
        role: Role,
        /// As shown
        #[arg(long)]
        name: String,
        /// The workspace, by id or name [default: the first]
        #[arg(long)]
        workspace: Option<String>,
    },
}

impl User {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let User::Add { email, role, name, workspace, password_stdin: _ } = self;
        if !is_email(email.trim()) {
            bail!("{email:?} is no e-mail address");
        }
        named(&name)?;
        let (db, auth, clock) = open(&config).await?;
        let workspace = find(&db, &auth, workspace.as_deref()).await?;
        let mut password = String::new();
        std::io::stdin().read_to_string(&mut password).context("cannot read the password")?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        let entry = entry(&clock, &workspace, "user.create", json!({ "email": email, "role": role }));
        let added = auth.create_user(&workspace.id, &email, &name, role, Some(password), entry).await;
        db.close().await;
        match added {
            Ok(user) => {
                eprintln!("added {} as {} of workspace {}", user.email, user.role, workspace.name);
                Ok(())
            }
            Err(AuthError::Db(error)) if error.unique_violation().is_some() => bail!("{email} is there already"),
            Err(error) => Err(error.into()),
        }
    }
}

impl Token {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let Token::Create { role, name, workspace } = self;
        named(&name)?;
        let (db, auth, clock) = open(&config).await?;
        let workspace = find(&db, &auth, workspace.as_deref()).await?;
        let entry = entry(&clock, &workspace, "token.create", json!({ "name": name, "role": role }));
        let minted = auth.create_token(&workspace.id, role, &name, None, entry).await?;
        db.close().await;
        println!("{}", minted.value);
        Ok(())
    }
}

fn named(name: &str) -> anyhow::Result<()> {
    match name::fault("--name", name) {
        Some(fault) => bail!("--name {}", fault.detail),
        None => Ok(()),
    }
}

/// The database of the data folder, made where there is none, with the default workspace.
pub(super) async fn open(config: &Config) -> anyhow::Result<(Db, Auth, Clock)> {
    let data = DataDir::at(&config.server.data_dir);
    data.make()?;
    let db = Db::open(DbConfig::at(data.database()), data.vault()?)?;
    let clock = Clock::system();
    let auth = Auth::new(db.clone(), clock.clone(), &config.auth);
    auth.default_workspace().await?;
    Ok((db, auth, clock))
}

async fn find(db: &Db, auth: &Auth, workspace: Option<&str>) -> anyhow::Result<WorkspaceRow> {
    let Some(workspace) = workspace else { return Ok(auth.default_workspace().await?) };
    db.workspace(workspace).await?.with_context(|| format!("there is no workspace {workspace}"))
}

fn entry(clock: &Clock, workspace: &WorkspaceRow, action: &str, detail: serde_json::Value) -> Entry {
    Entry {
        workspace: Some(workspace.id.clone()),
        at: clock.now(),
        actor: "cli".into(),
        role: Role::Operator.name().into(),
        action: action.into(),
        subject: String::new(),
        detail,
    }
}
