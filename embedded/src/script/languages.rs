//! The frame of a film in languages other than English. The topic always stands by itself, after a colon or
//! between quotation marks, because a template cannot inflect it.

use super::phrases::{ENGLISH, Phrases};

/// Languages with phrases, by primary BCP-47 subtag.
pub(super) const LANGUAGES: &[(&str, &Phrases)] = &[
    ("en", &ENGLISH),
    ("de", &GERMAN),
    ("fr", &FRENCH),
    ("es", &SPANISH),
    ("it", &ITALIAN),
    ("pt", &PORTUGUESE),
    ("ru", &RUSSIAN),
    ("ja", &JAPANESE),
    ("hi", &HINDI),
    ("ar", &ARABIC),
];

const GERMAN: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Heute geht es um dieses Thema: {topic}.",
        "Ein Thema, viele Überraschungen: {topic}.",
        "Das glaubt man kaum: {topic}.",
    ],
    questions: &["Die Frage des Tages: {topic}", "Gut gefragt: {topic}"],
    leads: &["Das Beste kommt zum Schluss.", "Es dauert nicht lange."],
    label: "Nummer {n}.",
    items: &[
        "Jeder hat eine Meinung dazu, und je weniger man weiß, desto länger redet man.",
        "Alles fing klein an, und niemand dachte daran, ein Foto zu machen.",
        "Fragt man zehn Leute, bekommt man elf Antworten.",
        "Je genauer man hinsieht, desto seltsamer wird es.",
        "Auf jede Antwort folgen zwei neue Fragen, und die bessere stellt ein Kind.",
        "Das meiste geschieht dort, wo niemand hinsieht.",
        "Ein Detail übersehen fast alle, und gerade das ist das schönste.",
        "Irgendwo hat jemand sein ganzes Leben genau damit verbracht.",
    ],
    asides: &[
        "Ja, wirklich.",
        "Das ist kein Tippfehler.",
        "Und es kommt noch besser.",
        "Das muss man erst einmal verdauen.",
        "Erzählen Sie das beim Abendessen.",
    ],
    twists: &[
        "Und nun das Überraschende: Je mehr man weiß, desto größer wird es.",
        "Das Beste daran: Vieles hat noch niemand entdeckt.",
    ],
    closes: &[
        "Nun wissen Sie es. Bleiben Sie neugierig.",
        "Das war es für heute. Sehen Sie noch einmal genau hin.",
    ],
    crumbs: &["Genau hinsehen.", "Und dann?", "Noch eins.", "Na also.", "Weiter geht es."],
    description: "Ein kurzer Film zum Thema: {topic}.",
};

const FRENCH: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Aujourd'hui, un sujet étonnant : {topic}.",
        "Un sujet, mille surprises : {topic}.",
        "On croit tout savoir sur ce sujet : {topic}.",
    ],
    questions: &["La question du jour : {topic}", "Bonne question : {topic}"],
    leads: &["Le meilleur vient à la fin.", "Ce ne sera pas long."],
    label: "Numéro {n}.",
    items: &[
        "Chacun a son avis, et moins on en sait, plus on parle longtemps.",
        "Tout a commencé petit, et personne n'a pensé à prendre une photo.",
        "Demandez à dix personnes, et vous aurez onze réponses.",
        "Plus on regarde de près, plus cela devient étrange.",
        "À chaque réponse, deux nouvelles questions, et la meilleure vient d'un enfant.",
        "L'essentiel se passe là où personne ne regarde.",
        "Un détail échappe à presque tout le monde, et c'est le plus beau.",
        "Quelque part, quelqu'un a consacré toute sa vie exactement à cela.",
    ],
    asides: &[
        "Oui, vraiment.",
        "Ce n'est pas une erreur.",
        "Et ce n'est pas fini.",
        "Prenez le temps d'y penser.",
        "À raconter au prochain dîner.",
    ],
    twists: &[
        "Et voici la surprise : plus on en sait, plus le sujet grandit.",
        "Le meilleur ? Il reste beaucoup à découvrir.",
    ],
    closes: &["Maintenant, vous savez. Restez curieux.", "C'est tout pour aujourd'hui. Ouvrez l'œil."],
    crumbs: &["Regardez bien.", "Et ensuite ?", "Encore un.", "Voilà.", "On continue."],
    description: "Un court film sur ce sujet : {topic}.",
};

const SPANISH: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Hoy, un tema sorprendente: {topic}.",
        "Un tema, mil sorpresas: {topic}.",
        "Creemos saberlo todo sobre este tema: {topic}.",
    ],
    questions: &["La pregunta de hoy: {topic}", "Buena pregunta: {topic}"],
    leads: &["Lo mejor llega al final.", "No tardaremos mucho."],
    label: "Número {n}.",
    items: &[
        "Todos tienen una opinión, y cuanto menos saben, más hablan.",
        "Todo empezó en pequeño, y a nadie se le ocurrió hacer una foto.",
        "Pregunta a diez personas y tendrás once respuestas.",
        "Cuanto más de cerca se mira, más extraño parece.",
        "Con cada respuesta llegan dos preguntas nuevas, y la mejor la hace un niño.",
        "Lo más importante ocurre donde nadie mira.",
        "Hay un detalle que casi nadie ve, y es el más bonito.",
        "En algún lugar, alguien ha dedicado toda su vida exactamente a esto.",
    ],
    asides: &[
        "Sí, de verdad.",
        "No es un error.",
        "Y aún hay más.",
        "Piénsalo con calma.",
        "Cuéntalo en la cena.",
    ],
    twists: &[
        "Y ahora la sorpresa: cuanto más se sabe, más grande se vuelve.",
        "¿Lo mejor? Todavía queda mucho por descubrir.",
    ],
    closes: &["Ahora ya lo sabes. Sigue siendo curioso.", "Eso es todo por hoy. Mira otra vez."],
    crumbs: &["Mira bien.", "¿Y luego?", "Uno más.", "Ahí está.", "Seguimos."],
    description: "Un breve vídeo sobre este tema: {topic}.",
};

const ITALIAN: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Oggi, un tema sorprendente: {topic}.",
        "Un tema, mille sorprese: {topic}.",
        "Crediamo di sapere tutto su questo tema: {topic}.",
    ],
    questions: &["La domanda di oggi: {topic}", "Bella domanda: {topic}"],
    leads: &["Il meglio arriva alla fine.", "Ci vorrà poco."],
    label: "Numero {n}.",
    items: &[
        "Tutti hanno un'opinione, e meno se ne sa, più a lungo si parla.",
        "Tutto è cominciato in piccolo, e nessuno ha pensato di fare una foto.",
        "Chiedi a dieci persone e avrai undici risposte.",
        "Più lo si guarda da vicino, più diventa strano.",
        "Per ogni risposta ci sono due nuove domande, e la migliore la fa un bambino.",
        "Il più succede dove nessuno guarda.",
        "C'è un dettaglio che quasi nessuno nota, ed è il più bello.",
        "Da qualche parte, qualcuno ha dedicato tutta la vita proprio a questo.",
    ],
    asides: &[
        "Sì, davvero.",
        "Non è un errore.",
        "E non è finita.",
        "Pensaci con calma.",
        "Raccontalo a cena.",
    ],
    twists: &[
        "Ed ecco la sorpresa: più se ne sa, più diventa grande.",
        "Il bello? C'è ancora molto da scoprire.",
    ],
    closes: &["Ora lo sai. Resta curioso.", "Per oggi è tutto. Guarda ancora una volta."],
    crumbs: &["Guarda bene.", "E poi?", "Ancora uno.", "Eccolo.", "Avanti."],
    description: "Un breve video su questo tema: {topic}.",
};

const PORTUGUESE: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Hoje, um tema surpreendente: {topic}.",
        "Um tema, mil surpresas: {topic}.",
        "Achamos que sabemos tudo sobre este tema: {topic}.",
    ],
    questions: &["A pergunta de hoje: {topic}", "Boa pergunta: {topic}"],
    leads: &["O melhor vem no fim.", "Não vai demorar."],
    label: "Número {n}.",
    items: &[
        "Todos têm uma opinião, e quanto menos sabem, mais falam.",
        "Tudo começou pequeno, e ninguém pensou em tirar uma foto.",
        "Pergunte a dez pessoas e terá onze respostas.",
        "Quanto mais de perto se olha, mais estranho fica.",
        "Para cada resposta há duas novas perguntas, e a melhor é feita por uma criança.",
        "O mais importante acontece onde ninguém olha.",
        "Há um detalhe que quase ninguém vê, e é o mais bonito.",
        "Em algum lugar, alguém dedicou a vida inteira exatamente a isto.",
    ],
    asides: &[
        "Sim, de verdade.",
        "Não é um erro.",
        "E há mais.",
        "Pense com calma.",
        "Conte isso no jantar.",
    ],
    twists: &[
        "E agora a surpresa: quanto mais se sabe, maior fica.",
        "O melhor? Ainda há muito por descobrir.",
    ],
    closes: &["Agora já sabe. Continue curioso.", "Por hoje é tudo. Olhe outra vez."],
    crumbs: &["Olhe bem.", "E depois?", "Mais um.", "Aí está.", "Vamos lá."],
    description: "Um pequeno vídeo sobre este tema: {topic}.",
};

const RUSSIAN: Phrases = Phrases {
    space: " ",
    hooks: &[
        "Сегодня наша тема: {topic}.",
        "Одна тема, много неожиданностей: {topic}.",
        "Кажется, об этом мы знаем всё: {topic}.",
    ],
    questions: &["Вопрос дня: {topic}", "Хороший вопрос: {topic}"],
    leads: &["Самое интересное в конце.", "Это недолго."],
    label: "Номер {n}.",
    items: &[
        "У каждого есть своё мнение, и чем меньше люди знают, тем дольше говорят.",
        "Всё началось с малого, и никто не подумал сделать снимок.",
        "Спросите десять человек, и вы получите одиннадцать ответов.",
        "Чем внимательнее смотришь, тем удивительнее это становится.",
        "На каждый ответ приходится два новых вопроса, и лучший задаёт ребёнок.",
        "Самое важное происходит там, куда никто не смотрит.",
        "Есть деталь, которую почти никто не замечает, и она самая красивая.",
        "Где-то живёт человек, который посвятил этому всю свою жизнь.",
    ],
    asides: &[
        "Да, правда.",
        "Это не ошибка.",
        "Дальше ещё интереснее.",
        "Подумайте об этом спокойно.",
        "Расскажите об этом за ужином.",
    ],
    twists: &[
        "А теперь неожиданность: чем больше знаешь, тем больше вопросов.",
        "Самое приятное: многое ещё никто не открыл.",
    ],
    closes: &["Теперь вы знаете. Оставайтесь любопытными.", "На сегодня всё. Посмотрите ещё раз."],
    crumbs: &["Смотрите.", "А дальше?", "Ещё одно.", "Вот так.", "Идём дальше."],
    description: "Короткий фильм на тему: {topic}.",
};

const JAPANESE: Phrases = Phrases {
    space: "",
    hooks: &[
        "今日のテーマは「{topic}」です。",
        "「{topic}」には、おどろきがいっぱいです。",
        "みんなが知っているようで知らない話。「{topic}」。",
    ],
    questions: &["今日の質問です。「{topic}」", "とてもいい質問です。「{topic}」"],
    leads: &["一番おもしろい話は最後です。", "すぐに終わります。"],
    label: "{n}つめ。",
    items: &[
        "だれにでも意見があります。知らない人ほど、長く話します。",
        "はじまりは小さなことでした。だれも写真をとりませんでした。",
        "十人に聞くと、十一の答えが返ってきます。",
        "近くで見るほど、ふしぎに見えてきます。",
        "答えが一つ出ると、新しい質問が二つ生まれます。",
        "大切なことは、だれも見ていないところで起きています。",
        "ほとんどの人が気づかない、うつくしいところがあります。",
        "どこかに、これだけに一生をかけた人がいます。",
    ],
    asides: &[
        "本当です。",
        "まちがいではありません。",
        "まだ続きがあります。",
        "ゆっくり考えてみてください。",
        "夕食のときに話してみてください。",
    ],
    twists: &[
        "そして、おどろくことに、知れば知るほど大きくなります。",
        "一番いいことは、まだ見つかっていないことがたくさんあることです。",
    ],
    closes: &["これでもう、あなたも知っています。", "今日はここまで。もう一度見てみてください。"],
    crumbs: &["よく見て。", "それから？", "もう一つ。", "ほら。", "つぎです。"],
    description: "「{topic}」についての短い動画です。",
};

const HINDI: Phrases = Phrases {
    space: " ",
    hooks: &["आज का विषय है: {topic}।", "एक विषय, कई आश्चर्य: {topic}।", "हमें लगता है कि हम सब जानते हैं: {topic}।"],
    questions: &["आज का सवाल है: {topic}", "अच्छा सवाल है: {topic}"],
    leads: &["सबसे अच्छी बात अंत में है।", "ज़्यादा समय नहीं लगेगा।"],
    label: "नंबर {n}।",
    items: &[
        "इस पर सबकी अपनी राय है, और जो कम जानता है, वह ज़्यादा बोलता है।",
        "सब कुछ छोटे से शुरू हुआ, और किसी ने तस्वीर नहीं ली।",
        "दस लोगों से पूछिए, ग्यारह जवाब मिलेंगे।",
        "जितना पास से देखो, उतना ही अनोखा लगता है।",
        "हर जवाब के साथ दो नए सवाल आते हैं।",
        "असली काम वहाँ होता है, जहाँ कोई नहीं देखता।",
        "एक बात लगभग सब भूल जाते हैं, और वही सबसे सुंदर है।",
        "कहीं किसी ने अपना पूरा जीवन इसी को दिया है।",
    ],
    asides: &[
        "हाँ, सच में।",
        "यह कोई गलती नहीं है।",
        "अभी और भी है।",
        "आराम से सोचिए।",
        "यह बात खाने के समय ज़रूर बताइए।",
    ],
    twists: &[
        "और अब आश्चर्य की बात: जितना जानो, उतना ही बड़ा लगता है।",
        "सबसे अच्छी बात यह है कि बहुत कुछ अभी खोजना बाकी है।",
    ],
    closes: &["अब आप जानते हैं। जिज्ञासु बने रहिए।", "आज के लिए इतना ही। एक बार फिर देखिए।"],
    crumbs: &["ध्यान से देखिए।", "फिर क्या?", "एक और।", "यह देखिए।", "आगे चलिए।"],
    description: "इस विषय पर एक छोटी फ़िल्म: {topic}।",
};

const ARABIC: Phrases = Phrases {
    space: " ",
    hooks: &[
        "موضوعنا اليوم: {topic}.",
        "موضوع واحد ومفاجآت كثيرة: {topic}.",
        "نظن أننا نعرف كل شيء عن هذا الموضوع: {topic}.",
    ],
    questions: &["سؤال اليوم: {topic}", "سؤال جيد: {topic}"],
    leads: &["والأفضل في النهاية.", "لن يطول الأمر."],
    label: "رقم {n}.",
    items: &[
        "لكل إنسان رأي، ومن يعرف أقل يتكلم أكثر.",
        "بدأ كل شيء صغيرا، ولم يفكر أحد في التقاط صورة.",
        "اسأل عشرة أشخاص، وستسمع أحد عشر جوابا.",
        "كلما اقتربت أكثر، بدا الأمر أغرب.",
        "مع كل جواب يأتي سؤالان جديدان.",
        "أهم الأشياء تحدث حيث لا ينظر أحد.",
        "هناك تفصيل لا يراه أحد تقريبا، وهو الأجمل.",
        "في مكان ما، هناك من كرس حياته كلها لهذا الأمر.",
    ],
    asides: &["نعم، حقا.", "ليس هذا خطأ.", "وهناك المزيد.", "فكر في ذلك بهدوء.", "احك ذلك على العشاء."],
    twists: &["والمفاجأة الآن: كلما عرفت أكثر، كبر الموضوع.", "والأجمل أن الكثير لم يكتشف بعد."],
    closes: &["الآن أنت تعرف. ابق فضوليا.", "هذا كل شيء لليوم. انظر مرة أخرى."],
    crumbs: &["انظر جيدا.", "ثم ماذا؟", "واحد آخر.", "ها هو.", "لنكمل."],
    description: "فيلم قصير عن هذا الموضوع: {topic}.",
};
