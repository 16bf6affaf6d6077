"""What is said in the demo video, and how texts are compared."""

WORDS = (
    "hello and welcome this short video was made by a computer program "
    "the sound of the video becomes text and the text becomes subtitles "
    "all of the work happens on this machine and nothing is sent over the internet "
    "now you can try it with a video of your own"
)


def words(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalpha() or c.isspace()).split())
