"""LangChain's chat history and retriever, in their own chains, and in their standard tests for retrievers."""

import asyncio
import threading

import pytest

from memory import Memory

pytest.importorskip("langchain_core", reason="needs `make frameworks`")
pytest.importorskip("langchain_tests", reason="needs `make frameworks`")
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    messages_to_dict,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_tests.integration_tests import RetrieversIntegrationTests

from memory.adapters.langchain import HarkbackChatMessageHistory, HarkbackRetriever

CALL = {"name": "read_notes", "args": {"topic": "ports"}, "id": "c1", "type": "tool_call"}
MESSAGES = [
    SystemMessage("Be short."),
    HumanMessage("which port do we use?", name="ada"),
    HumanMessage([{"type": "text", "text": "see"}, {"type": "image", "base64": "aGVsbG8=", "mime_type": "image/png"}]),
    AIMessage("", tool_calls=[CALL], response_metadata={"model_name": "some-model"}),
    ToolMessage("8470 is free", tool_call_id="c1", status="success"),
    AIMessage("We take 8470.", id="a1", usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}),
    ChatMessage("as a critic: fine", role="critic"),
    RemoveMessage(id="a1"),
]


# LangChain 1.6.4 advises to keep histories in LangGraph; these classes are still there, and used
deprecated = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")


@pytest.fixture
def history(memory):
    return HarkbackChatMessageHistory("user-7", memory)


@deprecated
def test_their_chain_remembers(memory):
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("human", "{asked}")])
    chain = RunnableWithMessageHistory(
        prompt | FakeListChatModel(responses=["We take 8470.", "As I said: 8470."]),
        lambda session_id: HarkbackChatMessageHistory(session_id, memory),
        input_messages_key="asked",
        history_messages_key="history",
    )
    config = {"configurable": {"session_id": "user-7"}}

    chain.invoke({"asked": "which port do we use?"}, config)
    asyncio.run(chain.ainvoke({"asked": "and once more?"}, config))

    said = [each.content for each in HarkbackChatMessageHistory("user-7", memory).messages]
    assert said == ["which port do we use?", "We take 8470.", "and once more?", "As I said: 8470."]
    [session] = memory.sessions.list().items
    assert session.title == "which port do we use?"


@deprecated
def test_every_message_comes_back_as_it_was(memory, history):
    theirs = InMemoryChatMessageHistory()
    for each in (history, theirs):
        each.add_messages(MESSAGES)

    assert history.messages == theirs.messages
    assert messages_to_dict(history.messages) == messages_to_dict(MESSAGES)
    kept = memory.messages.list(memory.sessions.list().items[0].id).items
    assert [each.role for each in kept][:6] == ["system", "user", "user", "assistant", "tool", "assistant"]
    assert (kept[4].tool_name, kept[5].model, kept[5].tokens_out) == ("read_notes", None, 4)


def test_a_result_knows_the_tool_of_a_call_that_was_saved_before(memory, history):
    history.add_messages(MESSAGES[:4])
    history.add_messages([MESSAGES[4]])

    assert memory.search("free", tool="read_notes").hits[0].role == "tool"


def test_the_last_messages_alone_are_read(memory, history):
    history.add_messages([HumanMessage(f"number {at}") for at in range(30)])

    last = HarkbackChatMessageHistory("user-7", memory, limit=2)

    assert [each.content for each in last.messages] == ["number 28", "number 29"]


def test_messages_are_put_in_place_of_others(history):
    history.add_messages(MESSAGES)
    history.messages = [HumanMessage("in short: 8470")]

    assert history.messages == [HumanMessage("in short: 8470")]


def test_what_is_cleared_is_not_found(memory, history):
    history.add_user_message("the key is under the fern")
    asyncio.run(history.aclear())

    assert memory.search("fern", min_score=0).hits == []
    assert history.messages == []


def test_threads_add_to_one_conversation(tmp_path):
    def add(number):
        with Memory.open(tmp_path / "store") as memory:
            for at in range(10):
                HarkbackChatMessageHistory("one", memory).add_messages(
                    [HumanMessage(f"{number} {at}"), AIMessage(f"{number} {at}")]
                )

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Memory.open(tmp_path / "store") as memory:
        said = [each.content for each in HarkbackChatMessageHistory("one", memory).messages]
    assert len(set(said)) == 40
    assert said[::2] == said[1::2]


def test_what_cannot_be_kept_is_refused(memory, history):
    with pytest.raises(ValueError, match="the item has no JSON form"):
        history.add_messages([ToolMessage("x", tool_call_id="c", artifact=object())])
    with pytest.raises(ValueError, match="give a text that is not empty"):
        HarkbackChatMessageHistory("", memory)
    with pytest.raises(ValueError, match="the item has no JSON form"):
        history.messages = [ToolMessage("x", tool_call_id="c", artifact=object())]
    assert history.messages == []


def test_a_chain_answers_from_what_was_said(memory):
    session = memory.sessions.create(title="Ports", project="web/api")
    memory.messages.append(session.id, role="assistant", content="the REST server listens on 8470")
    memory.learnings.add("decision", "8470 stays the port of the REST server", project="web/api")
    memory.messages.append(memory.sessions.create(project="other").id, role="user", content="their REST port is 9000")
    retriever = HarkbackRetriever(memory=memory, search_arguments={"project": "web"})

    chain = (
        {"context": retriever, "asked": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context} {asked}")
        | FakeListChatModel(responses=["8470"])
        | StrOutputParser()
    )

    assert chain.invoke("which port has the REST server?") == "8470"
    found = retriever.invoke("which port has the REST server?")
    assert {each.metadata["kind"] for each in found} == {"message", "learning"}
    assert "9000" not in str(found)
    assert found[0].id == found[0].metadata["id"]


def test_a_long_text_is_given_as_what_was_found(memory):
    session = memory.sessions.create()
    memory.messages.append(session.id, role="tool", content="nothing here\n" * 5_000 + "the fern is in the hall\n")

    [document] = HarkbackRetriever(memory=memory, k=1).invoke("fern in the hall")

    assert len(document.page_content) < 2_000
    assert "fern" in document.page_content
    assert "<mark>" not in document.page_content


def test_a_wrong_argument_is_refused(memory):
    with pytest.raises(ValueError, match="search has no argument colour"):
        HarkbackRetriever(memory=memory).invoke("tea", colour="red")
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        HarkbackRetriever(memory=memory, k=0)


@pytest.mark.anyio
class TestTheirStandardTests(RetrieversIntegrationTests):
    """LangChain's own tests of a retriever."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture(autouse=True)
    def _filled(self, memory):
        session = memory.sessions.create(title="Ports")
        for at in range(5):
            memory.messages.append(session.id, role="user", content=f"port number {at} is open")
        type(self).filled = memory

    @property
    def retriever_constructor(self):
        return HarkbackRetriever

    @property
    def retriever_constructor_params(self):
        return {"memory": self.filled}

    @property
    def retriever_query_example(self):
        return "which port is open?"
