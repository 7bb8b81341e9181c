"""The peer of query.small_warm: the same SQL over the same file through FastAPI and SQLAlchemy, unprotected."""

import sys

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class QueryIn(BaseModel):
    """One question."""

    sql: str


def create_app(path: str) -> FastAPI:
    """One endpoint."""
    engine = sa.create_engine(f"sqlite:///{path}")
    app = FastAPI()

    @app.post("/query")
    def query(body: QueryIn) -> dict[str, object]:
        with engine.connect() as connection:
            result = connection.execute(sa.text(body.sql))
            return {"columns": list(result.keys()), "rows": [list(row) for row in result]}

    return app


class _Server(uvicorn.Server):
    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stderr.write(f"listening at http://127.0.0.1:{port}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    _Server(uvicorn.Config(create_app(sys.argv[1]), port=0, log_level="warning", access_log=False)).run()
