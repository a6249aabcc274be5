"""The archive's tables in the pack's database.

A picture is stored once, under the SHA-256 of its file, which is its item's id. The words of an item stand in a
full-text index without a copy of the texts, so whoever changes an item's texts changes its words in the same
transaction (`items.put`).
"""

from __future__ import annotations

ROOM = "archive"
MIGRATIONS = (
    """CREATE TABLE archive_imports (
        id TEXT PRIMARY KEY,
        path TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        started REAL NOT NULL,
        ended REAL,
        found INTEGER NOT NULL DEFAULT 0,
        missing INTEGER NOT NULL DEFAULT 0,
        unmatched INTEGER NOT NULL DEFAULT 0,
        unreadable INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE archive_findings (
        number INTEGER PRIMARY KEY,
        import TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        why TEXT NOT NULL,
        maker TEXT NOT NULL,
        prompt TEXT NOT NULL,
        revised_prompt TEXT NOT NULL,
        conversation TEXT NOT NULL,
        created REAL
    );
    CREATE INDEX archive_findings_of ON archive_findings (import, kind);
    CREATE TABLE archive_items (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        import TEXT NOT NULL,
        added REAL NOT NULL,
        file TEXT NOT NULL,
        name TEXT NOT NULL,
        format TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        has_c2pa INTEGER NOT NULL,
        maker TEXT NOT NULL,
        match TEXT NOT NULL,
        confidence REAL NOT NULL,
        prompt TEXT NOT NULL,
        revised_prompt TEXT NOT NULL,
        conversation TEXT NOT NULL,
        created REAL,
        facts TEXT NOT NULL
    );
    CREATE INDEX archive_items_by_time ON archive_items (created, number);
    CREATE INDEX archive_items_of ON archive_items (import);
    CREATE VIRTUAL TABLE archive_words USING fts5 (
        prompt, revised_prompt, conversation, content='', tokenize='unicode61 remove_diacritics 2'
    );
    CREATE TABLE archive_reproductions (
        number INTEGER PRIMARY KEY,
        item TEXT NOT NULL,
        picture TEXT NOT NULL,
        made REAL NOT NULL,
        prompt TEXT NOT NULL,
        info TEXT NOT NULL,
        metrics TEXT NOT NULL,
        UNIQUE (item, picture)
    );
""",
    """CREATE INDEX archive_items_filters ON archive_items (maker, match, width, height, created);
    CREATE TABLE archive_migrations (
        id TEXT PRIMARY KEY,
        query TEXT NOT NULL,
        graph TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        report TEXT NOT NULL DEFAULT '[]'
    );
    CREATE TABLE archive_migration_items (
        migration TEXT NOT NULL,
        place INTEGER NOT NULL,
        item TEXT NOT NULL,
        state TEXT NOT NULL,
        prompt TEXT,
        pictures TEXT NOT NULL DEFAULT '[]',
        error TEXT NOT NULL DEFAULT '',
        began REAL,
        ended REAL,
        PRIMARY KEY (migration, item)
    );
    CREATE INDEX archive_migration_items_to_do ON archive_migration_items (migration, state, place);
    CREATE INDEX archive_migration_items_by_prompt ON archive_migration_items (prompt);
""",
    """CREATE TABLE archive_deletions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        deleted REAL NOT NULL,
        maker TEXT NOT NULL,
        made REAL,
        source_file TEXT NOT NULL,
        imported REAL NOT NULL,
        import TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        reproductions INTEGER NOT NULL,
        files TEXT NOT NULL
    );
    CREATE INDEX archive_deletions_of ON archive_deletions (import);
    CREATE INDEX archive_reproductions_by_picture ON archive_reproductions (picture);
    CREATE INDEX archive_migration_items_by_item ON archive_migration_items (item);
""",
)
