"""The pages: server-rendered, in Chinese and English, over the same verbs and queries as every other face."""
